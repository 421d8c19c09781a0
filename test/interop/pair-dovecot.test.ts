import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecotProblem, freePort, runProgram, until } from '@dsyncd/testkit';
import { describe, expect, it } from 'vitest';
import { cleanUpAfterTests, mailOf, onCleanup } from '../e2e/support.ts';
import { PairCommand, type PairEvent } from '../e2e/support-pair.ts';

cleanUpAfterTests();

const ann = 'ann@example.com';
/** `nobody`, as Dovecot opens no mail of root. */
const mailUid = 65_534;
const cannotRun = dovecotProblem('2.3') !== undefined || process.getuid?.() !== 0;

/** A host with a Dovecot 2.3 as a distribution leaves it: its configuration includes conf.d, and nothing of dsyncd is there. */
class DovecotRoot {
  readonly root = mkdtempSync(join(tmpdir(), 'dvp-'));
  readonly hostname: string;
  #dovecot: ChildProcess | undefined;

  constructor(hostname: string) {
    this.hostname = hostname;
    chmodSync(this.root, 0o755);
    onCleanup(async () => {
      await this.undo();
      const { pid } = this.#dovecot ?? {};
      if (pid !== undefined) {
        this.#dovecot?.kill('SIGTERM');
        if (this.#dovecot?.exitCode === null) await once(this.#dovecot, 'close');
      }
      rmSync(this.root, { recursive: true, force: true });
    });
  }

  path = (...parts: readonly string[]): string => join(this.root, ...parts);
  get #conf(): string {
    return this.path('etc/dovecot/dovecot.conf');
  }

  async configure({
    lastLine = '!include_try conf.d/*.conf',
    ssl = 'no',
  }: {
    readonly lastLine?: string;
    readonly ssl?: 'yes' | 'no';
  } = {}): Promise<void> {
    for (const folder of ['etc/dovecot/conf.d', 'run/dovecot', 'mail'])
      await mkdir(this.path(folder), { recursive: true });
    chownSync(this.path('mail'), mailUid, mailUid);
    const users = this.path('etc/dovecot/users');
    await writeFile(users, `${ann}:{PLAIN}x::::::\n`);
    const database = (kind: string, more = ''): string =>
      `${kind} {\n  driver = passwd-file\n  args = ${users}\n${more}}\n`;
    const lines = [
      `base_dir = ${this.path('run/dovecot')}`,
      `state_dir = ${this.path('run/dovecot')}`,
      `log_path = ${this.path('dovecot.log')}`,
      'import_environment = $import_environment DOVECOT_HOSTDOMAIN',
      'protocols = lmtp',
      `ssl = ${ssl}`,
      'first_valid_uid = 1',
      'mail_location = sdbox:~/sdbox',
      database('passdb'),
      database('userdb', `  override_fields = uid=${mailUid} gid=${mailUid} home=${this.path('mail')}/%u\n`),
      lastLine,
    ];
    await writeFile(this.#conf, `${lines.join('\n')}\n`);
  }

  async startDovecot(): Promise<void> {
    this.#dovecot = spawn('dovecot', ['-F', '-c', this.#conf], {
      stdio: 'ignore',
      env: { ...process.env, DOVECOT_HOSTDOMAIN: this.hostname },
    });
    await until('Dovecot has its FIFO', () => existsSync(this.path('run/dovecot/replication-notify-fifo')));
  }

  doveadm = (args: readonly string[], input = ''): string =>
    execFileSync('doveadm', ['-c', this.#conf, ...args], { input, encoding: 'utf8' });

  subjects = (): readonly string[] =>
    this.doveadm(['fetch', '-u', ann, 'hdr.subject', 'mailbox', 'INBOX'])
      .split('\n')
      .flatMap((line) => /^hdr.subject: (.*)$/.exec(line)?.[1] ?? [])
      .sort();

  configText = (): string => readFileSync(this.path('etc/dsyncd/dsyncd.toml'), 'utf8');

  /** Mails in the INBOX, where no Dovecot keeps them. */
  async countInBuiltin(): Promise<number> {
    const args = [
      '-c',
      this.path('etc/dsyncd/dsyncd.toml'),
      'mailbox',
      'status',
      '-u',
      ann,
      '--json',
      'INBOX',
    ];
    const { stdout } = await runProgram('dsyncadm', args);
    return Number(/"messagesCount": (\d+)/.exec(stdout)?.[1]);
  }

  async options(): Promise<readonly string[]> {
    return [
      ...['--root', this.root, '--hostname', this.hostname, '--address', '127.0.0.1', '--user', 'nobody'],
      ...['--port', String(await freePort()), '--services', 'start'],
    ];
  }

  undo = () => runProgram('dsyncadm', ['pair', 'undo', '--yes', '--root', this.root]);
}

const init = async (host: DovecotRoot, more: readonly string[] = []): Promise<PairCommand> =>
  new PairCommand(
    ['init', '--pair-port', '0', '--pair-address', '127.0.0.1', ...(await host.options()), ...more],
    '',
  );

const joinPair = async (host: DovecotRoot, { code, port }: PairEvent): Promise<PairCommand> =>
  new PairCommand(['join', `127.0.0.1:${String(port)}`, ...(await host.options())], `${String(code)}\n`);

describe.skipIf(cannotRun)('pairing hosts with Dovecot 2.3', () => {
  it('finds it, places its part, and replicates both ways; undo leaves Dovecot as it was', async () => {
    const [mx1, mx2] = [new DovecotRoot('mx1.example.test'), new DovecotRoot('mx2.example.test')];
    for (const host of [mx1, mx2]) {
      await host.configure();
      await host.startDovecot();
    }
    mx1.doveadm(['save', '-u', ann], mailOf('before'));
    const first = await init(mx1, ['--probe', ann]);
    const second = await joinPair(mx2, await first.event('code'));
    await Promise.all([first.ended, second.ended]);
    for (const { events, stderr } of [first, second]) {
      expect(events.find(({ event }) => event === 'plan')).toMatchObject({ own: { engine: 'dovecot' } });
      const doctor = events.find(({ event }) => event === 'doctor');
      expect(doctor, JSON.stringify(doctor) + stderr).toMatchObject({ good: true });
      expect(events.at(-1)).toMatchObject({ event: 'paired', result: 'good' });
    }
    expect(mx2.subjects()).toEqual(['before']);
    mx2.doveadm(['save', '-u', ann], mailOf('after'));
    await until('the way back', () => mx1.subjects().length === 2);

    for (const host of [mx1, mx2]) {
      expect(await host.undo()).toMatchObject({ code: 0 });
      expect(await readdir(host.path('etc/dovecot/conf.d'))).toEqual([]);
      expect(existsSync(host.path('etc/dsyncd'))).toBe(false);
      expect(host.subjects()).toEqual(['after', 'before']);
    }
  }, 120_000);

  it('goes over TLS between a Dovecot and a host that has none', async () => {
    const [mx1, mx2] = [new DovecotRoot('mx1.example.test'), new DovecotRoot('mx2.example.test')];
    await mx1.configure({ ssl: 'yes' });
    await mx1.startDovecot();
    mx1.doveadm(['save', '-u', ann], mailOf('before'));
    const first = await init(mx1, ['--probe', ann]);
    const second = await joinPair(mx2, await first.event('code'));
    await Promise.all([first.ended, second.ended]);
    for (const { events, stderr } of [first, second]) {
      const text = JSON.stringify(events, undefined, 1) + stderr;
      expect(events.at(-1), text).toMatchObject({ event: 'paired', result: 'good' });
    }
    for (const host of [mx1, mx2]) expect(host.configText()).toContain('mail_replica = "tcps:127.0.0.1:');
    expect(await mx2.countInBuiltin()).toBe(1);
    mx1.doveadm(['save', '-u', ann], mailOf('after'));
    await until('the way there', async () => (await mx2.countInBuiltin()) === 2);
    expect(await mx1.undo()).toMatchObject({ code: 0 });
    expect(await readdir(mx1.path('etc/dovecot/conf.d'))).toEqual([]);
  }, 120_000);

  it('takes its part away again when Dovecot does not read it, on both hosts', async () => {
    const [mx1, mx2] = [new DovecotRoot('mx1.example.test'), new DovecotRoot('mx2.example.test')];
    await mx1.configure();
    await mx2.configure({ lastLine: '' });
    const first = await init(mx1);
    const second = await joinPair(mx2, await first.event('code'));
    expect([await first.ended, await second.ended]).toEqual([69, 69]);
    expect(second.stderr).toContain('does not include conf.d/99-dsyncd.conf');
    expect(first.stderr).toContain('does not include conf.d/99-dsyncd.conf');
    for (const host of [mx1, mx2]) {
      expect(await readdir(host.path('etc/dovecot/conf.d'))).toEqual([]);
      expect(existsSync(host.path('etc/dsyncd'))).toBe(false);
    }
  }, 60_000);
});
