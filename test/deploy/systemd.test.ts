import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fifoName, notifySocketName } from '@dsyncd/notify';
import { afterAll, describe, expect, it } from 'vitest';

const folder = new URL('../../deploy/systemd/', import.meta.url).pathname;
const files = readdirSync(folder);
const units = files.filter((name) => name.endsWith('.service'));
const sockets = files.filter((name) => name.endsWith('.socket'));
const scratch = mkdtempSync(join(tmpdir(), 'dsyncd-units-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const analyzer = spawnSync('systemd-analyze', ['--version']).status === 0;
const linesOf = (unit: string): string[] => readFileSync(join(folder, unit), 'utf8').split('\n');

/** The units with programs that exist, in a root of their own, so that only what they say is judged. */
function rootWith(...programs: readonly string[]): string {
  const root = mkdtempSync(join(scratch, 'root-'));
  mkdirSync(join(root, 'etc/systemd/system'), { recursive: true });
  mkdirSync(join(root, 'usr/local/bin'), { recursive: true });
  mkdirSync(join(root, 'bin'));
  for (const unit of files) writeFileSync(join(root, 'etc/systemd/system', unit), linesOf(unit).join('\n'));
  for (const target of ['multi-user', 'network-online', 'sysinit', 'basic', 'shutdown', 'sockets'])
    writeFileSync(join(root, `etc/systemd/system/${target}.target`), '[Unit]\nDescription=x\n');
  for (const program of programs) writeFileSync(join(root, program), '#!/bin/sh\n', { mode: 0o755 });
  return root;
}

const programs = [
  'usr/local/bin/dsyncd',
  'usr/local/bin/dsync-server',
  'usr/local/bin/dsync-lmtp',
  'bin/kill',
  'bin/chown',
];
const verify = (root: string): { readonly status: number | null; readonly text: string } => {
  const args = ['verify', '--man=no', `--root=${root}`, ...files];
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
};

describe('units of systemd', () => {
  it('are three, alike in all that protects', () => {
    expect(units.sort()).toEqual(['dsync-lmtp.service', 'dsync-server.service', 'dsyncd.service']);
    const common = (unit: string): string[] =>
      linesOf(unit).filter((line) => !/^(#|(Description|ExecStart|Sockets|Also)=)/.test(line));
    for (const unit of units) expect(common(unit)).toEqual(common('dsyncd.service'));
    for (const wanted of [
      'Type=notify',
      'NotifyAccess=all',
      'Environment=UV_THREADPOOL_SIZE=16',
      'Environment=MALLOC_MMAP_THRESHOLD_=262144',
      'Environment=MALLOC_ARENA_MAX=2',
      'UMask=0077',
      // Without the last one, no program can list the addresses of its host.
      'RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK',
    ])
      expect(linesOf('dsyncd.service')).toContain(wanted);
  });

  it('hold the FIFO and the socket that mail processes write to, by the names that dsyncd looks for', () => {
    expect(sockets.sort()).toEqual(['dsyncd-notify.socket', 'dsyncd.socket']);
    expect(linesOf('dsyncd.service')).toContain(`Sockets=${[...sockets].reverse().join(' ')}`);
    for (const [unit, kind, name] of [
      ['dsyncd.socket', 'ListenFIFO', fifoName],
      ['dsyncd-notify.socket', 'ListenStream', notifySocketName],
    ] as const)
      for (const line of [
        `${kind}=/run/dsyncd/${name}`,
        `FileDescriptorName=${name}`,
        'Service=dsyncd.service',
        'SocketUser=vmail',
      ])
        expect(linesOf(unit)).toContain(line);
  });

  it.skipIf(!analyzer)('are understood by systemd', () => {
    expect(verify(rootWith(...programs))).toEqual({ status: 0, text: '' });
    expect(verify(rootWith()).text).toContain(
      'dsyncd.service: Command /usr/local/bin/dsyncd is not executable',
    );
  });

  it.skipIf(!analyzer).each(units)('%s is exposed less than 2.5 of 10', (unit) => {
    const root = rootWith(...programs);
    const args = ['security', '--offline=yes', '--no-pager', `--root=${root}`, '--threshold=25', unit];
    const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    expect(status, `${stdout}${stderr}`).toBe(0);
  });
});
