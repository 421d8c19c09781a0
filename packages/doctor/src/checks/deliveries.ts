import { formatSpan } from '@dsyncd/core';
import { readRefusedDeliveries } from '@dsyncd/notify';
import type { HostCheck } from '../check.ts';
import { ok, problem } from '../finding.ts';

/** MTAs try again after minutes to hours; a refusal that is older has been given up, or delivered elsewhere. */
const forgottenAfterMs = 6 * 3_600_000;

/** With `delivery_requires_replica`: do deliveries get their second copy? */
export const deliveries: HostCheck = {
  name: 'deliveries',
  async run({ config: { channels, stateDir }, clock }) {
    if (channels.every(({ deliveryRequiresReplica }) => deliveryRequiresReplica === undefined))
      return undefined;
    const { since, lastAt = 0, total } = await readRefusedDeliveries(stateDir);
    const now = clock.now();
    if (since === undefined || now - lastAt > forgottenAfterMs)
      return ok(`deliveries get their second copy (refused so far: ${total})`);
    return problem(
      `dsync-lmtp refuses deliveries (451 4.4.1) since ${formatSpan(now - since)}, as their second copy cannot be made in time; the last one ${formatSpan(now - lastAt)} ago`,
      'see what keeps the replica from being reached (dsyncadm status); the MTA keeps the mail and tries again',
    );
  },
};
