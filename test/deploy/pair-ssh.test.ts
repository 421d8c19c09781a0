import { until } from '@dsyncd/testkit';
import { beforeAll, describe, expect, it } from 'vitest';
import { cleanUpAfterTests, mailOf } from '../e2e/support.ts';
import { bootProblem } from './support/booted-host.ts';
import { bootPair, type MailHost } from './support/mail-host.ts';
import { buildPackage } from './support/package.ts';

cleanUpAfterTests();

const ann = 'ann@example.com';
const options = ['--engine', 'builtin', '--ssh'];
let packages: string;

const count = async ({ host }: MailHost): Promise<number> => {
  const { stdout } = await host.run('dsyncadm', 'mailbox', 'status', '-u', ann, '--json', 'INBOX');
  return Number(/"messagesCount": (\d+)/.exec(stdout)?.[1] ?? 0);
};

/** What the other host gets when it asks for a shell, with the key that dsyncd has there. */
const tryShell = ({ host }: MailHost, other: string): Promise<string> =>
  host.shell(
    `ssh -i /etc/dsyncd/id_ed25519 -o UserKnownHostsFile=/etc/dsyncd/known_hosts -o BatchMode=yes vmail@${other} id < /dev/null 2>&1 || true`,
  );

describe.skipIf(bootProblem() !== undefined)('a pair over SSH', () => {
  beforeAll(() => {
    packages = buildPackage();
  });

  it('has keys that were exchanged by the pairing, good for one command; undo takes them away', async () => {
    const [one, two] = await bootPair(['bookworm', 'trixie'], packages, []);
    await Promise.all([one.install(), two.install()]);
    // Two hosts made from one folder.
    for (const { host } of [one, two])
      await host.shell('rm /etc/ssh/ssh_host_*; ssh-keygen -q -A; systemctl restart ssh');

    const plan = await two.host.output('dsyncadm', 'pair', 'init', '--dry-run', '--engine', 'builtin');
    expect(plan).toMatch(
      /^ {2}enable {2}dsyncd\.service {2}\(\S+\/dsyncd\.service; with dsyncd\S*\.socket, dsyncd\S*\.socket\)$/m,
    );
    expect(plan).toMatch(/^ {2}enable {2}dsync-server\.service {2}\(\S+\/dsync-server\.service\)$/m);

    const refused = one.pair(['init', ...options]);
    expect(await refused.ended).toBe(65);
    expect(refused.stderr).toContain('usermod --shell /bin/sh vmail');
    for (const { host } of [one, two]) await host.output('usermod', '--shell', '/bin/sh', 'vmail');

    const alone = one.pair(['init', ...options]);
    const plain = two.pair(
      ['join', 'mx1.example.test', '--engine', 'builtin'],
      `${String((await alone.event('code')).code)}\n`,
    );
    expect([await alone.ended, await plain.ended]).toEqual([69, 69]);
    expect(plain.stderr).toContain('--ssh was given on mx1.example.test, but not here');

    const init = one.pair(['init', ...options]);
    const { code } = await init.event('code');
    const join = two.pair(['join', 'mx1.example.test', ...options], `${String(code)}\n`);
    const codes = await Promise.all([init.ended, join.ended]);
    for (const { events, stderr } of [init, join]) {
      const text = `${JSON.stringify(events, undefined, 1)}${stderr}`;
      expect(events.at(-1), text).toMatchObject({ event: 'paired', result: 'good' });
      expect(text).not.toContain('PRIVATE KEY');
    }
    expect(codes).toEqual([0, 0]);
    expect(await one.host.output('cat', '/etc/dsyncd/dsyncd.toml')).toContain(
      'mail_replica = "remoteprefix:vmail@mx2.example.test"',
    );

    await one.host.shell(`dsyncadm mail save --create-user -u ${ann}`, mailOf('there'));
    await until('the mail is on the second host', async () => (await count(two)) === 1);
    await two.host.shell(`dsyncadm mail save -u ${ann}`, mailOf('back'));
    await until('the way back', async () => (await count(one)) === 2);

    expect(await tryShell(one, 'mx2.example.test')).not.toContain('uid=');
    // The host key is pinned: another sshd under the same name is not believed.
    await two.host.shell('rm /etc/ssh/ssh_host_*; ssh-keygen -q -A; systemctl restart ssh');
    expect(await tryShell(one, 'mx2.example.test')).toContain('Host key verification failed');

    for (const { host } of [one, two]) {
      await host.output('dsyncadm', 'pair', 'undo', '--yes');
      expect(await host.shell('ls /etc/dsyncd /etc/ssh/sshd_config.d')).toBe(
        '/etc/dsyncd:\ndsyncd.toml\n\n/etc/ssh/sshd_config.d:\n',
      );
      expect(await host.shell('sshd -T -C user=vmail,host=x,addr=192.0.2.9 | grep ^authorizedkeysfile')).toBe(
        'authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2\n',
      );
      expect(await host.output('systemctl', 'is-active', 'ssh')).toBe('active\n');
    }
    expect(await count(two), 'mail stays').toBe(2);
  }, 180_000);
});
