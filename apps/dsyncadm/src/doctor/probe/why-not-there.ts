import { join } from 'node:path';
import type { ChannelConfig } from '@dsyncd/config';
import type { UserName } from '@dsyncd/core';
import type { Scene } from '@dsyncd/doctor';
import { ReplicatorClient } from '../../replicator/client.ts';

interface Explanation {
  readonly reason: string;
  readonly remedy: string;
}

/** Asks dsyncd why a change has not arrived. */
export async function whyNotThere(
  { config }: Scene,
  { name: channel }: ChannelConfig,
  user: UserName,
): Promise<Explanation> {
  try {
    const client = await ReplicatorClient.connect(
      join(config.listeners.replicator.dir, 'replicator-doveadm'),
    );
    try {
      const reports = await client.everyone('*');
      const report = reports.find((each) => each.user === user && each.channel === channel);
      if (report === undefined)
        return {
          reason: 'dsyncd does not know the user',
          remedy: `see user_include, user_exclude and noreplicate; \`dsyncadm replicator add ${user}\` makes it known`,
        };
      if (report.failure !== undefined)
        return {
          reason: `the sync fails: ${report.failure.reason}`,
          remedy: report.failure.hint ?? '`dsyncadm status` says more',
        };
      if (report.requestedAt !== undefined)
        return { reason: 'it waits in the queue of dsyncd', remedy: '`dsyncadm status` says for what' };
    } finally {
      client.close();
    }
  } catch (error) {
    return {
      reason: `dsyncd does not answer (${error instanceof Error ? error.message : String(error)})`,
      remedy: 'start dsyncd',
    };
  }
  return {
    reason: 'dsyncd was not told of the change',
    remedy: 'see notify-protocols and notify-places above, and the log of Dovecot or of the mail process',
  };
}
