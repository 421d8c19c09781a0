import { readFileSync } from 'node:fs';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  readonly version: string;
};

/** Version of dsyncd: all its packages have the same. (`dsyncadm` has its own, to start without this package.) */
export const programVersion = (): string => version;
