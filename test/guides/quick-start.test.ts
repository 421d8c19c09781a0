import { until } from '@dsyncd/testkit';
import { describe, expect, test } from 'vitest';
import { cleanUpAfterTests, mailOf, onCleanup } from '../e2e/support.ts';
import { fileText, Guide } from './support/guide.ts';
import { GuideHost, guideHostProblem } from './support/guide-host.ts';

cleanUpAfterTests();

const user = 'anna@example.com';
const config = '/etc/dsyncd/dsyncd.toml';
const swapped = (text: string): string => text.replace(/mx[12]/g, (name) => (name === 'mx1' ? 'mx2' : 'mx1'));

const untilMail = (host: GuideHost, subject: string): Promise<void> =>
  until(`${host.name} has "${subject}"`, async () => {
    const { status } = await host.tryRun(`grep -rqs 'Subject: ${subject}' /srv/mail/${user}`);
    return status === 0;
  });

/** Copies files from one host to the same places on another one. */
function copy(from: GuideHost, to: GuideHost, ...files: readonly string[]): void {
  for (const file of files) to.write(file, from.read(file));
}

describe.skipIf(guideHostProblem() !== undefined)('README.md and deploy/failover.md', () => {
  test('two hosts over TLS, a failover, and two hosts over SSH, as it is written', async () => {
    const readme = new Guide('README.md');
    const hosts = await GuideHost.boot([
      { name: 'mx1', debian: 'bookworm' },
      { name: 'mx2', debian: 'bookworm' },
    ]);
    onCleanup(() => Promise.all(hosts.map((host) => host.stop())));
    const [mx1, mx2] = hosts as [GuideHost, GuideHost];
    const place = (...names: readonly string[]) => names.map((name) => `/etc/dsyncd/${name}`);
    const settings = fileText('README.md', 'toml', 'mail_replica = "tcps:mx2');
    await readme.run(
      'The same by hand',
      hosts,
      {
        before: 'chown vmail: /etc/dsyncd/secret /etc/dsyncd/mx?.key',
        action: () => copy(mx1, mx2, ...place('secret', 'ca.pem', 'mx2.pem', 'mx2.key')),
      },
      {
        before: 'dsyncadm config check',
        action: () => {
          mx1.write(config, settings);
          mx2.write(config, swapped(settings));
        },
      },
    );
    mx1.write('/opt/dsyncd/mail.eml', mailOf('first'));
    await readme.run('Two hosts over TLS', hosts);
    await untilMail(mx2, 'first');

    const failover = new Guide('deploy/failover.md');
    // What dsyncd found wrong while mx2 was not there yet.
    await until(
      'both have found each other',
      async () => (await mx1.tryRun('dsyncadm failover check')).status === 0,
      {
        timeoutMs: 60_000,
      },
    );
    await failover.run('Planned: `mx1` must go down', hosts);
    mx2.write('/opt/dsyncd/mail.eml', mailOf('second'));
    await mx2.run(`dsyncadm mail save -u ${user} < mail.eml`);
    await failover.run('`mx1` comes back, with its disk', hosts);
    await untilMail(mx1, 'second');
    await mx1.run('systemctl stop dsyncd dsync-server; rm -rf /srv/mail/* /var/lib/dsyncd/*');
    await failover.run('`mx1` comes back empty', hosts);
    await untilMail(mx1, 'first');
    await failover.run('Failback', hosts);
    expect(failover.left).toEqual([]);

    await mx2.run('systemctl start ssh');
    await readme.run('SSH by hand', hosts);
    const ssh = fileText('README.md', 'toml', 'known_hosts_file');
    mx1.write(config, `${settings.replace(/\[channels.default\]\n.*\n/, '')}${ssh}`);
    const key = mx1.read('/etc/dsyncd/id_ed25519.pub').trim();
    await mx2.run('install -d -o vmail -g vmail -m 700 /srv/mail/.ssh');
    const line = fileText('README.md', 'text', 'restrict,').replace(/ssh-ed25519 .*/, key);
    mx2.write('/srv/mail/.ssh/authorized_keys', line);
    await mx1.run('systemctl restart dsyncd');
    mx1.write('/opt/dsyncd/mail.eml', mailOf('third'));
    await mx1.run(`dsyncadm mail save -u ${user} < mail.eml; dsyncadm drain; dsyncadm status`);
    await untilMail(mx2, 'third');
    expect(readme.left).toEqual([]);
  }, 240_000);
});
