import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type CertificateAuthority,
  createFleet,
  createPair,
  Host,
  makeSshKey,
  programFile,
  type Sshd,
  startSshd,
  until,
} from '@dsyncd/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  deliver,
  failuresOf,
  logOf,
  onCleanup,
  scratchFolder,
  startHosts,
  statusOf,
  untilEqual,
  untilFailed,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

const text = (value: string): string => JSON.stringify(value);

describe('over SSH', () => {
  let sshd: Sshd;
  let a: Host;
  let b: Host;
  let knownHosts: string;
  let syslog: () => Promise<string>;

  beforeAll(async () => {
    const folder = scratchFolder();
    sshd = await startSshd(join(folder, 'sshd'));
    onCleanup(() => sshd.stop());
    knownHosts = join(folder, 'known_hosts');
    await writeFile(knownHosts, `${sshd.knownHostsLine}\n`);
    // Stands for the one that writes to syslog.
    await writeFile(join(folder, 'logger'), `#!/bin/sh\ncat >> ${join(folder, 'syslog')}\n`, { mode: 0o755 });
    syslog = () => readFile(join(folder, 'syslog'), 'utf8').catch(() => '');
    const server = `PATH=${folder}:$PATH ${process.execPath} ${programFile('dsync-server')} --stdio`;
    const host = (name: string, peer: string, scheme: 'remote' | 'remoteprefix'): Host =>
      new Host({
        hostname: `${name}.example.com`,
        folder: join(folder, name),
        channels: { default: { replica: `${scheme}:${sshd.login}@127.0.0.1:${sshd.port}` } },
        tables: [
          '[ssh]',
          `key_file = ${text(sshd.keyFile)}`,
          `known_hosts_file = ${text(knownHosts)}`,
          `command = ${text(`${server} -c ${join(folder, peer, 'dsyncd.toml')}${scheme === 'remote' ? ' -u %{user}' : ''}`)}`,
        ],
        secret: 'not used',
      });
    a = host('a', 'b', 'remote');
    b = host('b', 'a', 'remoteprefix');
    await a.configure();
    await b.configure();
    await startHosts(a, b);
  });

  test('two hosts replicate both ways', async () => {
    await deliver(a, 'ssh@example.com', 'from a');
    await untilInbox(b, 'ssh@example.com', 1);
    await deliver(b, 'ssh@example.com', 'from b');
    await untilInbox(a, 'ssh@example.com', 2);
    await untilEqual([a, b], 'ssh@example.com');
  });

  test('what a peer changed is in the syslog of the host where it did', async () => {
    await deliver(a, 'told@example.com', 'from a');
    await untilInbox(b, 'told@example.com', 1);
    const told = (line: string): boolean =>
      line.includes('sync changed mail here') &&
      line.includes('"user":"told@example.com","peer":"a.example.com"');
    await until('it is told', async () => (await syslog()).split('\n').some(told));
  });

  test('a changed host key is told once, holds the user for a person, and nothing is lost', async () => {
    const strangerKey = makeSshKey(`${knownHosts}-stranger`);
    await writeFile(knownHosts, `${sshd.knownHostsLine.split(' ')[0]} ${strangerKey}\n`);
    // Kept-open connections were checked when they were made.
    await a.program('dsyncd').end('SIGTERM');
    await a.startProgram('dsyncd');
    await deliver(a, 'held@example.com', 'held back');
    const failed = await untilFailed(a, 'held@example.com', 'DSYNCD_SSH_HOST_KEY');
    expect(failed).toMatchObject({ channel: 'default', state: 'quarantined' });
    expect(failed.why).toContain('127.0.0.1');
    expect(failed.remedy).toContain('known_hosts');
    expect(failuresOf(a, 'held@example.com')).toHaveLength(1);
    await writeFile(knownHosts, `${sshd.knownHostsLine}\n`);
    expect((await a.admin('replicator', 'replicate', 'held@example.com')).code).toBe(0);
    await untilInbox(b, 'held@example.com', 1);
    await until('all is well', async () => (await statusOf(a)).healthy);
  });
});

describe('over TLS with client certificates', () => {
  let a: Host;
  let b: Host;
  let authority: CertificateAuthority;

  beforeAll(async () => {
    ({ a, b } = await createPair({
      folder: scratchFolder(),
      sslSettings: (made) => {
        authority = made;
        const { certFile, keyFile } = authority.issue('client.example.com');
        return [
          `server_client_ca_file = ${text(authority.caFile)}`,
          `client_cert_file = ${text(certFile)}`,
          `client_key_file = ${text(keyFile)}`,
        ];
      },
    }));
    await startHosts(a, b);
  });

  test('two hosts replicate both ways', async () => {
    await deliver(a, 'tls@example.com', 'from a');
    await untilInbox(b, 'tls@example.com', 1);
    await deliver(b, 'tls@example.com', 'from b');
    await untilInbox(a, 'tls@example.com', 2);
    await untilEqual([a, b], 'tls@example.com');
  });

  test('a host without a certificate is kept out and told so', async () => {
    const config = await readFile(a.configFile, 'utf8');
    await writeFile(a.configFile, config.replaceAll(/^client_(cert|key)_file = .*\n/gm, ''));
    await a.reload('dsyncd');
    await deliver(a, 'bare@example.com', 'no certificate');
    await until('a sync failed', () => failuresOf(a, 'bare@example.com').length > 0);
    const [failure] = failuresOf(a, 'bare@example.com');
    expect(failure?.reason).toMatch(/certificate/i);
    expect(failure?.hint).toBeTruthy();
    await writeFile(a.configFile, config);
    await a.reload('dsyncd');
    expect((await a.admin('replicator', 'replicate', 'bare@example.com')).code).toBe(0);
    await untilInbox(b, 'bare@example.com', 1);
  });

  test('an expired certificate of the peer is named, with its remedy', async () => {
    const { certFile, keyFile } = authority.issue('127.0.0.1', -1);
    const config = await readFile(b.configFile, 'utf8');
    expect(config).toContain(certFile);
    expect(await b.reload('dsync-server')).toContain('"configuration reloaded"');
    // A kept-open connection was checked when it was made.
    await a.program('dsyncd').end('SIGTERM');
    await a.startProgram('dsyncd');
    await deliver(a, 'old@example.com', 'expired');
    await until('a sync failed', () => failuresOf(a, 'old@example.com').length > 0);
    const [failure, ...more] = failuresOf(a, 'old@example.com');
    expect(failure?.reason).toMatch(/expired/);
    expect(failure?.hint).toMatch(/certificate/);
    expect(failure?.channel).toBe('default');
    expect(more).toEqual([]);
    expect(authority.issue('127.0.0.1')).toEqual({ certFile, keyFile });
    expect(await b.reload('dsync-server')).toContain('"configuration reloaded"');
    expect((await a.admin('replicator', 'replicate', 'old@example.com')).code).toBe(0);
    await untilInbox(b, 'old@example.com', 1);
  });
});

test('a wrong secret is told once on both hosts, by name of the file, and other channels go on', async () => {
  const { a, b, c } = await createFleet({
    folder: scratchFolder(),
    ssl: false,
    channels: { a: { good: { to: 'b' }, bad: { to: 'c' } }, b: {}, c: {} },
  });
  await c.configure({ secret: 'hush-hush-hush' });
  onCleanup(() => c.stop());
  await c.startProgram('dsync-server');
  await startHosts(a, b);
  const user = 'secret@example.com';
  await deliver(a, user, 'one');
  await untilInbox(b, user, 1);
  const failed = await untilFailed(a, user, 'DSYNCD_SECRET');
  expect(failed).toMatchObject({ channel: 'bad', state: 'quarantined' });
  expect(failed.remedy).toContain('secret');
  expect(failuresOf(a, user)).toHaveLength(1);
  const told = logOf(c, 'dsync-server').filter((line) => line.code === 'DSYNCD_SECRET');
  expect(told).toHaveLength(1);
  expect(told[0]?.hint).toContain('doveadm_password_file');
  const everything = [...a.program('dsyncd').lines, ...c.program('dsync-server').lines].join('\n');
  expect(everything).not.toContain('hush-hush-hush');
  await deliver(a, user, 'two');
  await untilInbox(b, user, 2);
  await copyFile(join(a.folder, 'secret'), join(c.folder, 'secret'));
  expect(await c.reload('dsync-server')).toContain('"configuration reloaded"');
  expect((await a.admin('replicator', 'replicate', user)).code).toBe(0);
  await untilInbox(c, user, 2);
});
