import { describe, expect, it } from 'vitest';
import { makePlan } from '../src/index.ts';
import { decodeMessage, encodeMessage, type SshFacts } from '../src/messages.ts';
import { mx1, mx2, placeIn } from './rig.ts';

const keyOf = (name: string): string => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA${name}`;
const ssh: SshFacts = {
  login: 'vmail',
  port: 2222,
  hostKeys: [keyOf('host'), keyOf('other')],
  loginKey: keyOf('login'),
};
const hello = (facts: unknown): string =>
  encodeMessage({ type: 'hello', proof: '0'.repeat(64), facts: { ...mx2, ssh: facts as SshFacts } });

describe('what a host says of its sshd', () => {
  it('arrives as it was sent', () => {
    expect(decodeMessage(hello(ssh))).toMatchObject({ facts: { ssh } });
  });

  it.each([
    ['a login with a line end', { login: 'vmail\nMatch all' }],
    ['a login that is an option', { login: '-x' }],
    ['a port that is none', { port: 0 }],
    ['no host key', { hostKeys: [] }],
    ['too many host keys', { hostKeys: Array.from({ length: 9 }, () => keyOf('host')) }],
    ['a host key with a second line', { hostKeys: [`${keyOf('host')}\n* ${keyOf('evil')}`] }],
    ['a login key with options', { loginKey: `command="id" ${keyOf('login')}` }],
    ['a login key with a comment', { loginKey: `${keyOf('login')} x` }],
  ])('is refused with %s', (_, change) => {
    expect(() => decodeMessage(hello({ ...ssh, ...change }))).toThrow(/the other host/);
  });
});

describe('the plan of a pair over SSH', () => {
  const plan = makePlan({
    own: { ...mx1, ssh: { ...ssh, port: 22 } },
    peer: { ...mx2, ssh },
    place: placeIn(''),
    hasSample: false,
    ssh: { privateKey: 'PRIVATE', command: '/bin/node "x y" --stdio' },
  });
  const textOf = (name: string): string | undefined =>
    plan.files
      .find(({ path }) => path.endsWith(name))
      ?.text({ authority: '', certificate: '', privateKey: '', secret: '' });

  it('logs in to the sshd of the other host, whose keys it knows', () => {
    expect(textOf('/dsyncd.toml')).toContain('mail_replica = "remoteprefix:vmail@mx2.example.com:2222"\n');
    expect(textOf('/known_hosts')).toBe(
      `[mx2.example.com]:2222 ${keyOf('host')}\n[mx2.example.com]:2222 ${keyOf('other')}\n`,
    );
    expect(textOf('/id_ed25519')).toBe('PRIVATE');
  });

  it('lets the key of the other host start one command', () => {
    expect(textOf('/authorized_keys')).toBe(
      `restrict,command="/bin/node \\"x y\\" --stdio" ${keyOf('login')} dsyncd@mx2.example.com\n`,
    );
  });

  it('opens no port, and has neither secret nor certificates', () => {
    expect(textOf('/dsyncd.toml')).not.toMatch(/listeners\.doveadm|doveadm_password|\[ssl\]/);
    expect(plan.files.map(({ path }) => path)).toEqual([
      '/etc/dsyncd/dsyncd.toml',
      '/etc/dsyncd/id_ed25519',
      '/etc/dsyncd/known_hosts',
      '/etc/dsyncd/authorized_keys',
      '/etc/ssh/sshd_config.d/50-dsyncd.conf',
    ]);
    expect(plan).toMatchObject({ port: 22, peerPort: 2222, services: ['dsyncd', 'dsync-lmtp'] });
  });
});
