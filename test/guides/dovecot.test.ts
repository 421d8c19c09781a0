import { until } from '@dsyncd/testkit';
import { describe, expect, test } from 'vitest';
import { cleanUpAfterTests, onCleanup } from '../e2e/support.ts';
import { Guide } from './support/guide.ts';
import { GuideHost, guideHostProblem } from './support/guide-host.ts';
import { Sender } from './support/senders.ts';
import { installDovecot, siteUsers } from './support/site.ts';

cleanUpAfterTests();

/** Boots a pair with Dovecot alone, and does what the guide says. */
async function follow(guide: Guide, version: '2.3' | '2.4'): Promise<readonly GuideHost[]> {
  const debian = version === '2.3' ? 'bookworm' : 'trixie';
  const hosts = await GuideHost.boot([
    { name: 'mx1', debian },
    { name: 'mx2', debian },
  ]);
  onCleanup(() => Promise.all(hosts.map((host) => host.stop())));
  await Promise.all(hosts.map((host) => installDovecot(host, version)));
  const [mx1, mx2] = hosts as [GuideHost, GuideHost];
  await guide.run('Install', hosts, {
    before: 'chown vmail: /etc/dsyncd/secret',
    action: () => mx2.write('/etc/dsyncd/secret', mx1.read('/etc/dsyncd/secret')),
  });
  await deliverAndCompare(hosts);
  return hosts;
}

/** Mail to each of the two reaches the other. */
async function deliverAndCompare(hosts: readonly GuideHost[]): Promise<void> {
  const senders = hosts.map((host) => new Sender(host, siteUsers));
  onCleanup(() => Promise.all(senders.map((sender) => sender.end())));
  await Promise.all(senders.map((sender) => sender.more(6)));
  await Promise.all(senders.map((sender) => sender.end()));
  for (const user of siteUsers) {
    const wanted = senders.flatMap((sender) => sender.taken.get(user) ?? []);
    for (const host of hosts)
      await until(`${host.name} has the mail of ${user}`, async () => {
        const { output } = await host.tryRun(`doveadm fetch -u ${user} hdr.message-id mailbox INBOX`);
        return wanted.every((id) => output.split(id).length === 2);
      });
  }
}

describe.skipIf(guideHostProblem() !== undefined)('deploy/dovecot-*', () => {
  test('deploy/dovecot-2.3/README.md, as it is written', async () => {
    const guide = new Guide('deploy/dovecot-2.3/README.md');
    const hosts = await follow(guide, '2.3');
    await guide.run('See that it works', hosts);
    await guide.run('While dsyncd is not there', hosts);
    await deliverAndCompare(hosts);
    expect(guide.left).toEqual([]);
  }, 240_000);

  test('deploy/dovecot-2.4/README.md, as it is written', async () => {
    const guide = new Guide('deploy/dovecot-2.4/README.md');
    const hosts = await follow(guide, '2.4');
    await guide.run('See that it works', hosts);
    expect(guide.left).toEqual([]);
  }, 240_000);
});
