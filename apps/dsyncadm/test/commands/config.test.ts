import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseConfig } from '@dsyncd/config';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Rig } from '../rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.open();
});
afterEach(() => rig.close());

describe('config check', () => {
  it('takes a good one, named by -c, by DSYNCD_CONFIG, and before or after the command', async () => {
    const good = `${rig.configFile} is good; channels: default to remote:vmail@b.example.com\n`;
    expect(await rig.ok(['config', 'check'])).toBe(good);
    const env = { DSYNCD_CONFIG: '/nonexistent' };
    expect(await rig.ok(['-c', rig.configFile, 'config', 'check'], { env })).toBe(good);
    expect(await rig.ok(['config', 'check', `--config=${rig.configFile}`], { env })).toBe(good);
  });

  it('names the line of every problem', async () => {
    await rig.configure('replication_max_con = 5\nlog_level = "loud"');
    const { code, stdout, stderr } = await rig.run(['config', 'check']);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toContain(`dsyncadm: ${rig.configFile}:5: replication_max_con is no setting`);
    expect(stderr).toContain('did you mean "replication_max_conns"');
    expect(stderr).toContain(`dsyncadm: ${rig.configFile}:6: log_level is "loud"`);
  });

  it('says that the file is missing', async () => {
    const { code, stderr } = await rig.run(['config', 'check', '-c', '/nonexistent.toml']);
    expect(code).toBe(78);
    expect(stderr).toContain('cannot read the configuration /nonexistent.toml');
  });

  it('finds a secret that everyone can read and never shows it', async () => {
    const secret = rig.path('secret');
    await writeFile(secret, 'hunter2\n');
    await chmod(secret, 0o644);
    await rig.configure(`doveadm_password_file = "${secret}"`);
    const { code, stdout } = await rig.run(['config', 'check']);
    expect(code).toBe(78);
    expect(stdout).toContain('open to everyone on this host (mode 644)');
    expect(stdout).toContain(`chmod 600 ${secret}`);
    expect(stdout).not.toContain('hunter2');
  });

  it('warns of what others may write, and of secrets that can be guessed or read', async () => {
    const file = async (name: string, text: string, mode: number): Promise<string> => {
      await writeFile(rig.path(name), text);
      await chmod(rig.path(name), mode);
      return rig.path(name);
    };
    const short = await file('short', 'x'.repeat(15), 0o600);
    const token = await file('token', 'hunter2', 0o600);
    const key = await file('key', 'a key', 0o644);
    await rig.configure(
      [
        `doveadm_password_file = "${short}"`,
        `ssh = { key_file = "${key}" }`,
        `listeners.http = { port = 8080, read_token_file = "${token}" }`,
      ].join('\n'),
    );
    const open = [rig.path('state'), rig.path('run'), rig.path('mail')];
    for (const folder of open) await chmod(folder, 0o757);
    await chmod(rig.configFile, 0o646);
    const { code, stdout } = await rig.run(['config', 'check']);
    expect(code).toBe(0);
    for (const line of [
      `the configuration ${rig.configFile} can be written by everyone on this host (mode 646)`,
      `state_dir ${rig.path('state')} can be written by everyone on this host (mode 757)`,
      `base_dir ${rig.path('run')} can be written`,
      `the folder of mail_home ${rig.path('mail')} can be written`,
      `the secret in ${short} has fewer than 16 characters`,
      `the secret in ${token} has fewer than 16 characters`,
      `the private key ${key} is open to everyone`,
    ])
      expect(stdout).toContain(`warning: ${line}`);
    expect(stdout).not.toContain('hunter2');

    for (const folder of open) await chmod(folder, 0o755);
    for (const name of [rig.configFile, key]) await chmod(name, 0o640);
    for (const name of [short, token]) await writeFile(name, 'x'.repeat(16));
    expect(await rig.ok(['config', 'check'])).toMatch(/^[^\n]* is good; channels: [^\n]*\n$/);
  });

  it('finds a key that does not fit its certificate', async () => {
    const pem = (name: string): string => rig.path(`${name}.pem`);
    for (const name of ['a', 'b'])
      execFileSync(
        'openssl',
        [
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-nodes',
          '-subj',
          '/CN=x',
        ].concat(['-keyout', rig.path(`${name}.key`), '-out', pem(name)]),
        { stdio: 'ignore' },
      );
    const ssl = (key: string): Promise<void> =>
      rig.configure(`ssl = { server_cert_file = "${pem('a')}", server_key_file = "${rig.path(key)}" }`);
    await ssl('a.key');
    expect((await rig.run(['config', 'check'])).code).toBe(0);
    await ssl('b.key');
    const { code, stdout } = await rig.run(['config', 'check']);
    expect(code).toBe(78);
    expect(stdout).toMatch(/error: cannot use .*a\.pem, .*b\.key: .*mismatch/);
  });

  it('warns of folders that are missing', async () => {
    const json = JSON.parse(await rig.ok(['config', 'check', '--json'])) as object;
    expect(json).toEqual({ file: rig.configFile, good: true, findings: [] });
    await rig.configure();
    await writeFile(
      rig.configFile,
      (await readFile(rig.configFile, 'utf8')).replaceAll('/run"', '/nowhere"'),
    );
    const ended = await rig.run(['config', 'check']);
    expect(ended.code).toBe(0);
    expect(ended.stdout).toContain(`warning: base_dir ${rig.path('nowhere')} cannot be used: ENOENT`);
  });

  it('refuses mail commands when the mail is elsewhere', async () => {
    await rig.configure('mail_engine = "dovecot"');
    await mkdir(rig.path('mail/ann'));
    const { code, stderr } = await rig.run(['mailbox', 'list', '-u', 'ann']);
    expect(code).toBe(65);
    expect(stderr).toContain('use the commands of dovecot');
  });
});

describe('config reference', () => {
  it('prints every setting, and on request every command, without a configuration', async () => {
    const env = { DSYNCD_CONFIG: '/nonexistent' };
    const settings = await rig.ok(['config', 'reference'], { env });
    expect(settings).toContain('| `replication_full_sync_interval` |');
    expect(settings).not.toContain('## dsyncadm');
    const all = await rig.ok(['config', 'reference', '--commands'], { env });
    expect(all).toContain('## dsyncadm mail save');
    expect(all.startsWith(settings)).toBe(true);
  });
});

describe('the example configuration', () => {
  const file = fileURLToPath(new URL('../../../../deploy/dsyncd.toml', import.meta.url));

  it('is a good one', async () => {
    const config = parseConfig(await readFile(file, 'utf8'), file);
    expect(config.channels.map(({ mailReplica }) => mailReplica)).toEqual(['tcps:mx2.example.com']);
  });

  it('stays good with everything that is commented out, and shows the real defaults', async () => {
    const text = await readFile(file, 'utf8');
    const uncommented = text.replaceAll(/^# (?=(\w+ = |\[[\w.]+\]))/gm, '');
    // The other choice of destination cannot stand beside the first.
    const config = parseConfig(uncommented.replace(/^mail_replica = "remote:.*$/m, ''), file);
    expect(config.channels).toHaveLength(2);
    expect(config.listeners.http).toBeDefined();
    const plain = parseConfig(text, file);
    const {
      replicationMaxConns,
      replicationFullSyncIntervalMs,
      replicationFailureResyncIntervalMs,
      logLevel,
    } = plain;
    expect({
      ...config,
      ...{ channels: 0, listeners: 0, ssh: 0, replicationSyncTimeoutMs: 0 },
    }).toMatchObject({
      replicationMaxConns,
      replicationFullSyncIntervalMs,
      replicationFailureResyncIntervalMs,
      logLevel,
    });
  });
});
