import { execFileSync } from 'node:child_process';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { parseConfig } from '@dsyncd/config';
import { Dovecot, dovecotProblem } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rig } from '../rig.ts';

const env = { DSYNCD_CONFIG: '/nonexistent' };

let rig: Rig;
let dovecot: Dovecot | undefined;
beforeAll(async () => {
  rig = await Rig.open();
  if (dovecotProblem('2.3') !== undefined) return;
  dovecot = await Dovecot.start({
    version: '2.3',
    users: ['ann@example.com'],
    hostname: 'a.example.com',
    secret: 'hunter2',
    settings: [
      'mail_plugins = $mail_plugins notify replication',
      'replication_max_conns = 7',
      'replication_dsync_parameters = -d -N -l 45 -U -x Spam',
      'doveadm_port = 4711',
      'plugin {',
      '  mail_replica = tcps:b.example.com',
      '}',
      'protocol lmtp {',
      '  mail_plugins = quota',
      '}',
      'service replicator {',
      '  unix_listener replicator-doveadm {',
      '    mode = 0660',
      '  }',
      '}',
    ],
  });
});
afterAll(async () => {
  await dovecot?.stop();
  await rig.close();
});

const doveconf = (...options: string[]): string => {
  if (dovecot === undefined) throw new Error('no Dovecot');
  return execFileSync('doveconf', ['-c', dovecot.place.configFile, ...options], {
    encoding: 'utf8',
    env: { ...process.env, ...dovecot.place.environment },
  });
};

describe.skipIf(dovecotProblem('2.3') !== undefined)('config import of a real Dovecot 2.3', () => {
  it('writes a configuration that holds, and says what it lacks', async () => {
    const output = rig.path('imported.toml');
    const args = ['config', 'import', '--doveconf', '-', '-o', output];
    const { code, stdout, stderr } = await rig.run(args, { env, stdin: doveconf('-n') });
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
    const config = parseConfig(await readFile(output, 'utf8'), output);
    const run = `${dovecot?.place.folder}/run`;
    expect(config).toMatchObject({
      hostname: 'a.example.com',
      mailEngine: 'dovecot',
      replicationMaxConns: 7,
      doveadmPort: 4711,
      dsyncLockTimeoutMs: 45_000,
      channels: [{ name: 'default', mailReplica: 'tcps:b.example.com' }],
      dovecot: { doveadmSocketPath: dovecot?.place.doveadmSocket, authSocketPath: `${run}/auth-userdb` },
      listeners: { notify: { dir: run, mode: 0o660 }, replicator: { dir: run, mode: 0o660 } },
    });
    expect(stderr).toContain('not carried over: replication_dsync_parameters -x Spam: ');
    expect(stderr).toContain('to do: doveadm_password: doveconf hid it\n');
    expect(stderr).toContain('to do: protocol lmtp/mail_plugins: it lacks notify and replication');
    expect(stderr).toContain(`${output} written`);
    const again = await rig.run(args, { env, stdin: doveconf('-n') });
    expect(again.code).toBe(65);
    expect(again.stderr).toContain(`${output} exists and is not overwritten`);
  });

  it('makes the secret file of what doveconf -P shows, readable by its owner only', async () => {
    const file = rig.path('doveconf.txt');
    const secret = rig.path('shared-secret');
    const args = ['config', 'import', '--doveconf', file, '--password-file', secret, '--write-password'];
    await writeFile(file, doveconf('-n'));
    expect(await rig.run(args, { env })).toMatchObject({ code: 64 });
    await writeFile(file, doveconf('-nP'));
    const { code, stdout, stderr } = await rig.run(args, { env });
    expect(code).toBe(0);
    expect(parseConfig(stdout, 'stdout').doveadmPasswordFile).toBe(secret);
    expect(stdout + stderr).not.toContain('hunter2');
    expect(await readFile(secret, 'utf8')).toBe('hunter2\n');
    expect((await stat(secret)).mode & 0o777).toBe(0o600);
  });
});

it('refuses what is no output of doveconf 2.3', async () => {
  const run = (stdin: string) => rig.run(['config', 'import', '--doveconf', '-'], { env, stdin });
  expect(await run('hostname: x\n')).toMatchObject({ code: 65, stdout: '' });
  const newer = await run('# 2.4.1-4 (7d8c0e5759): x\ndovecot_config_version = 2.4.1\n');
  expect(newer.code).toBe(65);
  expect(newer.stderr).toContain('of Dovecot 2.4.1');
  const missing = await rig.run(['config', 'import', '--doveconf', '/nonexistent'], { env });
  expect(missing).toMatchObject({ code: 75, stdout: '' });
});
