import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dsyncadm } from './dsyncadm.ts';

/** A real replicator of Dovecot 2.3 must understand dsyncadm, and dsyncadm must print what doveadm prints. */
const canRun = existsSync('/usr/sbin/dovecot') && process.getuid?.() === 0;

describe.skipIf(!canRun)('with the replicator of Dovecot', () => {
  let folder = '';
  let socket = '';
  const conf = (): string => join(folder, 'dovecot.conf');
  const doveadm = (...args: readonly string[]): string =>
    execFileSync('doveadm', ['-c', conf(), 'replicator', ...args], { encoding: 'utf8' });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dsyncadm-dovecot-'));
    socket = join(folder, 'run/replicator-doveadm');
    await chmod(folder, 0o755);
    const mail = join(folder, 'mail');
    await mkdir(mail);
    const nobody = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
    await chown(mail, nobody, nobody);
    const users = ['ann', 'bob'].map(
      (name) => `${name}@example.com:{PLAIN}x:${nobody}:${nobody}::${mail}/${name}::\n`,
    );
    await writeFile(join(folder, 'users'), users.join(''));
    await writeFile(conf(), dovecotConf(folder));
    // It stays in the background: with our pipes open we would wait for its end.
    execFileSync('dovecot', ['-c', conf()], { stdio: 'ignore' });
    // Dovecot lists its users in its own time after the start; the first command that sees both ends the wait.
    for (const deadline = Date.now() + 20_000; !doveadm('status', 'bob*').includes('bob'); )
      if (Date.now() > deadline) throw new Error(await readFile(join(folder, 'log'), 'utf8'));
  });

  afterAll(async () => {
    execFileSync('doveadm', ['-c', conf(), 'stop']);
    await rm(folder, { recursive: true, force: true });
  });

  it('prints the same overview', async () => {
    const total = /Total number of known users.*\n/;
    const ours = await dsyncadm(['replicator', 'status', '-a', socket]);
    expect(ours.stdout.match(total)?.[0]).toBe(doveadm('status').match(total)?.[0]);
    expect(ours.stdout.split('\n')).toHaveLength(8);
  });

  it('prints the users with the same columns', async () => {
    const rowsOf = (text: string): string[][] =>
      text
        .trimEnd()
        .split('\n')
        .map((line) => line.split(/ {1,}(?! *sync)/).filter((_, index) => index < 2))
        .sort();
    const ours = await dsyncadm(['replicator', 'status', '-a', socket, '*']);
    expect(ours.stdout).toContain('priority fast sync full sync success sync failed next sync secs');
    expect(rowsOf(ours.stdout)).toEqual(rowsOf(doveadm('status', '*')));
  });

  it('asks for syncs, adds and removes', async () => {
    const run = (...args: string[]): ReturnType<typeof dsyncadm> =>
      dsyncadm(['replicator', ...args, '-a', socket]);
    expect(await run('replicate', '-f', '-p', 'high', '*')).toMatchObject({
      code: 0,
      stdout: '2 users updated\n',
    });
    expect(await run('remove', 'bob@example.com')).toMatchObject({ code: 0, stdout: '' });
    expect(doveadm('status', 'bob*')).not.toContain('bob');
    expect(await run('add', 'bob@example.com')).toMatchObject({ code: 0, stderr: '' });
    expect(doveadm('status', 'bob*')).toContain('bob@example.com');
    expect(await run('remove', 'zoe@example.com')).toMatchObject({ code: 67 });
    expect((await run('dsync-status')).stdout).toContain('Not connected');
  });

  it('says that Dovecot does not know channels', async () => {
    const ended = await dsyncadm(['status', '-a', socket]);
    expect(ended.code).toBe(65);
    expect(ended.stderr).toContain("it is Dovecot's own");
  });
});

const dovecotConf = (folder: string): string => `
base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/log
protocols =
ssl = no
default_login_user = nobody
default_internal_user = nobody
default_internal_group = nogroup
mail_location = sdbox:~/mail
first_valid_uid = 1
passdb {
  driver = passwd-file
  args = ${folder}/users
}
userdb {
  driver = passwd-file
  args = ${folder}/users
}
service replicator {
  unix_listener replicator-doveadm {
    mode = 0600
  }
}
mail_plugins = notify replication
plugin {
  mail_replica = tcp:127.0.0.1:1
}
`;
