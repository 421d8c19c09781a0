import { join } from 'node:path';
import type { DovecotVersion, MailFormat } from '../rig/dovecot-config.ts';
import { DovecotHost } from '../rig/dovecot-host.ts';
import { startDovecotsOwnReplicator } from '../rig/dovecots-own-replicator.ts';
import { dovecotStormHost, dovecotStormMail, replicatorSays } from './dovecot-storm-host.ts';
import type { StormHost } from './storm-host.ts';

export interface DovecotStormOptions {
  /** One a host; with three, each replicates with both others. */
  readonly versions: readonly DovecotVersion[];
  readonly mailFormat?: MailFormat;
  readonly users: readonly string[];
}

/** Real Dovecots with a dsyncd each, and a channel from each to every other. */
export async function startDovecotStorm(options: DovecotStormOptions): Promise<readonly StormHost[]> {
  const { versions, ...rest } = options;
  const hosts: DovecotHost[] = [];
  const named: StormHost[] = [];
  try {
    for (const [index, version] of versions.entries()) {
      const name = 'abc'[index] ?? `h${index}`;
      const host = await DovecotHost.start({ name, version, ...rest });
      hosts.push(host);
      named.push(dovecotStormHost(name, host));
    }
    for (const host of hosts) {
      const [first = '', ...others] = hosts.filter((each) => each !== host).map(({ dovecot }) => dovecot.tcp);
      await host.startDsyncd(first, ...others);
    }
    return named;
  } catch (error) {
    await Promise.all(hosts.map((host) => host.stop()));
    throw error;
  }
}

/** Two Dovecots 2.3 with the replicator that they have built in, to compare with. */
export async function startOwnReplicatorStorm(options: {
  readonly mailFormat?: MailFormat;
  readonly users: readonly string[];
}): Promise<readonly StormHost[]> {
  const dovecots = await startDovecotsOwnReplicator(options);
  return dovecots.map((dovecot, index) => ({
    ...dovecotStormMail('ab'[index] ?? '', dovecot),
    saysReplicated: (users) => replicatorSays(join(dovecot.place.folder, 'run/replicator-doveadm'), users),
    kills: { dovecot: () => dovecot.killAndRestart() },
    reported: () => '',
    history: () => [],
    folders: [dovecot.place.folder],
    stop: () => dovecot.stop(),
  }));
}
