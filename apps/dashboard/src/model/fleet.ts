import type { Fleet } from './api-types.ts';

/** Is there more to show than the host that the page is of? */
export const isFleet = (fleet: Fleet | undefined): boolean => {
  const [first, ...others] = fleet?.backends ?? [];
  return others.length > 0 || (first?.replicators.length ?? 0) > 1;
};
