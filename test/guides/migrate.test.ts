import { until } from '@dsyncd/testkit';
import { describe, expect, test } from 'vitest';
import { cleanUpAfterTests, onCleanup } from '../e2e/support.ts';
import { Guide } from './support/guide.ts';
import { GuideHost, guideHostProblem } from './support/guide-host.ts';
import { Sender } from './support/senders.ts';
import { installDovecot, ownReplicator, siteUsers } from './support/site.ts';

cleanUpAfterTests();

const guide = new Guide('deploy/migrate.md');
const replicatorFile = '/etc/dovecot/conf.d/95-replication.conf';

/** Every mail of a user on a host, a line each: mailbox, UID, GUID, flags, Message-ID. Fails while a sync renumbers them. */
async function mailsOf(host: GuideHost, user: string): Promise<readonly string[]> {
  const { status, output } = await host.tryRun(
    `doveadm -f tab fetch -u ${user} 'mailbox uid guid flags hdr.message-id' mailbox '*' | tail -n +2`,
  );
  return status === 0 ? output.split('\n').filter(Boolean).sort() : [`${host.name} is busy`];
}

/** Waits until all hosts list the same mails of everyone; answers what is lost or doubled of what was delivered. */
async function untilEqual(
  hosts: readonly GuideHost[],
  senders: readonly Sender[],
): Promise<readonly string[]> {
  const flaws: string[] = [];
  for (const user of siteUsers) {
    let lists: (readonly string[])[] = [];
    await until(
      `${user} is equal on ${hosts.map(({ name }) => name).join(', ')}`,
      async () => {
        lists = await Promise.all(hosts.map((host) => mailsOf(host, user)));
        return new Set(lists.map((list) => list.join('\n'))).size === 1;
      },
      { timeoutMs: 40_000, everyMs: 500 },
    );
    const present = (lists[0] ?? []).map((line) => line.split('\t').at(-1) ?? '');
    for (const sender of senders)
      for (const id of sender.taken.get(user) ?? []) {
        const count = present.filter((each) => each === id).length;
        if (count === 0) flaws.push(`lost: ${user} ${id}`);
        if (count > 1 && !sender.unclear.has(id)) flaws.push(`doubled: ${user} ${id}`);
      }
  }
  return flaws;
}

describe.skipIf(guideHostProblem() !== undefined)('deploy/migrate.md', () => {
  test('every move, as it is written, while mail is delivered to both hosts', async () => {
    const hosts = await GuideHost.boot([
      { name: 'mx1', debian: 'bookworm' },
      { name: 'mx2', debian: 'bookworm' },
      { name: 'mx3', debian: 'trixie' },
    ]);
    onCleanup(() => Promise.all(hosts.map((host) => host.stop())));
    const [mx1, mx2, mx3] = hosts as [GuideHost, GuideHost, GuideHost];
    const pair = [mx1, mx2];
    for (const host of pair) host.write(replicatorFile, ownReplicator(host === mx1 ? mx2 : mx1));
    await Promise.all([...pair.map((host) => installDovecot(host, '2.3')), installDovecot(mx3, '2.4')]);
    const senders = [new Sender(mx1, siteUsers), new Sender(mx2, siteUsers.slice(1))];
    onCleanup(() => Promise.all(senders.map((sender) => sender.end())));
    const more = () => Promise.all(senders.map((sender) => sender.more(5)));
    await more();

    const toDsyncd = "From Dovecot's replicator to dsyncd";
    for (const host of pair) {
      await guide.run(toDsyncd, [host]);
      await more();
    }

    await mx3.run('install -d -o root -g vmail -m 750 /etc/dsyncd');
    mx3.write('/etc/dsyncd/secret', mx1.read('/etc/dsyncd/secret'));
    const toNewer = 'A 2.3 host makes way for a 2.4 one';
    await guide.run(toNewer, hosts, {
      before: 'systemctl disable --now dovecot',
      action: () => senders[1]?.redirect(mx3),
    });
    await more();
    await Promise.all(senders.map((sender) => sender.end()));
    expect(await untilEqual([mx1, mx3], senders)).toEqual([]);

    await guide.run("Back to Dovecot's replicator", [mx2]);
    expect(await untilEqual([mx1, mx2, mx3], senders)).toEqual([]);
    await guide.run('Leaving dsyncd without another replicator', [mx1, mx3]);
    expect(await untilEqual([mx1, mx3], senders)).toEqual([]);
    const homes = await Promise.all([mx1, mx3].map((host) => host.run('find /srv/mail')));
    expect(homes.join('\n')).not.toContain('dsyncd');
    await guide.run('What stays on disk', [mx1, mx3]);
    for (const host of [mx1, mx3])
      expect(await host.run('find /etc /usr/local /var/lib -name "*dsync*"')).toBe('');
    expect(guide.left).toEqual([]);
  }, 600_000);
});
