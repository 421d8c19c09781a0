import type { UserName } from '@dsyncd/core';
import type { ChannelConfig } from './config.ts';

/** Must a delivery for the user be on the replica of this channel before it is answered with 250? */
export function requiresReplica(
  { deliveryRequiresReplica: required }: Pick<ChannelConfig, 'deliveryRequiresReplica'>,
  user: UserName,
): boolean {
  if (required === undefined) return false;
  if (required.domains === undefined) return true;
  return required.domains.includes(user.slice(user.lastIndexOf('@') + 1).toLowerCase());
}
