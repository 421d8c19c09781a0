import { chmod, chown, copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Dovecot, type DovecotVersion, Program } from '@dsyncd/testkit';

const luaScript = fileURLToPath(new URL('../../../deploy/dovecot-2.4/dsyncd-notify.lua', import.meta.url));

export interface DovecotHostOptions {
  readonly name: string;
  readonly version: DovecotVersion;
  readonly users: readonly string[];
  /** Further settings of dsyncd: lines for its top, and tables. */
  readonly settings?: readonly string[];
  readonly tables?: readonly string[];
  /** Lines of the `plugin` block (2.3), or of `lua_settings` (2.4). */
  readonly notifySettings?: readonly string[];
}

/** A real Dovecot that tells its dsyncd of changes in the way that deploy/ recommends for its version. */
export class DovecotHost {
  readonly dovecot: Dovecot;
  readonly folder: string;
  readonly dsyncd: Program;
  readonly #options: DovecotHostOptions;

  private constructor(options: DovecotHostOptions, dovecot: Dovecot, folder: string) {
    this.#options = options;
    this.dovecot = dovecot;
    this.folder = folder;
    this.dsyncd = new Program('dsyncd', ['-c', join(folder, 'dsyncd.toml')]);
  }

  /** Starts Dovecot; dsyncd follows with {@link startDsyncd}, once the other host is there. */
  static async start(options: DovecotHostOptions): Promise<DovecotHost> {
    const folder = await mkdtemp(join(tmpdir(), 'dvh-'));
    await chmod(folder, 0o755);
    const spool = join(folder, 'spool');
    await mkdir(spool);
    if (process.getuid?.() === 0) await chown(spool, 65_534, 65_534);
    await copyFile(luaScript, join(folder, 'notify.lua'));
    const { version, users, name, notifySettings = [] } = options;
    const settings = version === '2.3' ? settings23(notifySettings) : settings24(folder, notifySettings);
    const dovecot = await Dovecot.start({ version, users, hostname: `${name}.test`, settings });
    return new DovecotHost(options, dovecot, folder);
  }

  async startDsyncd(replica: string): Promise<void> {
    await this.configure(replica);
    const seen = this.dsyncd.lines.length;
    this.dsyncd.start();
    await this.dsyncd.waitForLog((line) => line.includes('"msg":"ready"'), seen);
  }

  async configure(replica: string): Promise<void> {
    const { name, settings = [], tables = [] } = this.#options;
    const text = (value: string): string => JSON.stringify(value);
    const run = join(this.dovecot.place.folder, 'run');
    const access = ['mode = "0660"', ...(process.getuid?.() === 0 ? ['group = "nogroup"'] : [])];
    const lines = [
      `hostname = ${text(`${name}.test`)}`,
      `base_dir = ${text(join(this.folder, 'run'))}`,
      `state_dir = ${text(join(this.folder, 'state'))}`,
      `notify_spool_dir = ${text(join(this.folder, 'spool'))}`,
      'mail_engine = "dovecot"',
      ...settings,
      '[channels.default]',
      `mail_replica = ${text(replica)}`,
      '[dovecot]',
      `doveadm_socket_path = ${text(this.dovecot.place.doveadmSocket)}`,
      `auth_socket_path = ${text(join(run, 'auth-userdb'))}`,
      '[listeners.notify]',
      `dir = ${text(run)}`,
      ...access,
      '[listeners.replicator]',
      `dir = ${text(run)}`,
      ...access,
      ...tables,
    ];
    await writeFile(join(this.folder, 'dsyncd.toml'), `${lines.join('\n')}\n`);
  }

  /** The rows that a doveadm command prints. */
  async rows(args: readonly string[]): Promise<readonly Readonly<Record<string, string>>[]> {
    const text = await this.dovecot.doveadm(['-f', 'json', ...args]);
    return text.trim() === '' ? [] : JSON.parse(text);
  }

  /** Syncs that ended so far. */
  get syncs(): readonly Readonly<Record<string, unknown>>[] {
    return this.dsyncd.log.filter(({ msg }) => msg === 'sync done' || msg === 'sync failed');
  }

  async stop(): Promise<void> {
    await this.dsyncd.end('SIGTERM');
    await this.dovecot.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Our sockets instead of those of its own replicator. */
const settings23 = (plugin: readonly string[]): readonly string[] => [
  'mail_plugins = notify replication',
  'plugin {',
  '  mail_replica = dsyncd',
  ...plugin,
  '}',
  'service aggregator {',
  '  fifo_listener replication-notify-fifo {',
  '    mode = 0',
  '  }',
  '  unix_listener replication-notify {',
  '    mode = 0',
  '  }',
  '}',
  'service replicator {',
  '  unix_listener replicator {',
  '    mode = 0',
  '  }',
  '}',
];

const settings24 = (folder: string, lua: readonly string[]): readonly string[] => [
  'mail_plugins {',
  '  notify = yes',
  '  push_notification = yes',
  '  mail_lua = yes',
  '  push_notification_lua = yes',
  '}',
  'push_notification dsyncd {',
  '  driver = lua',
  `  lua_file = ${folder}/notify.lua`,
  '  lua_settings {',
  `    spool_dir = ${folder}/spool`,
  ...lua,
  '  }',
  '}',
];
