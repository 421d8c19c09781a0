import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { chmod, chown, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { Dovecot } from './dovecot.ts';
import type { DovecotVersion, MailFormat } from './dovecot-config.ts';
import { freePort, Program } from './program.ts';

const deploy = new URL('../../../../deploy/', import.meta.url);
/** As whom mail processes run. */
const mailUser = process.getuid?.() === 0 ? 'nobody' : userInfo().username;
const mailGroup = process.getuid?.() === 0 ? 'nogroup' : String(process.getgid?.());

export interface DovecotHostOptions {
  readonly name: string;
  readonly version: DovecotVersion;
  /** Default `sdbox`. */
  readonly mailFormat?: MailFormat;
  readonly users: readonly string[];
  /** Further settings of dsyncd: lines for its top, and for its table `[dovecot]`. */
  readonly settings?: readonly string[];
  readonly dovecotSettings?: readonly string[];
  /** Further lines for the top of the configuration of Dovecot itself. */
  readonly dovecotLines?: readonly string[];
  /** Does somebody hold the FIFO of Dovecot 2.3 open, as dsyncd.socket does? Default true. */
  readonly holdsFifo?: boolean;
  /** Lines of the `plugin` block (2.3), or of `lua_settings` (2.4); may need the host's folder. */
  readonly notifySettings?: readonly string[] | ((folder: string) => readonly string[]);
}

/** A real Dovecot that reports changes to its dsyncd in the way that deploy/ recommends for its version. */
export class DovecotHost {
  readonly dovecot: Dovecot;
  readonly folder: string;
  readonly dsyncd: Program;
  readonly #options: DovecotHostOptions;
  #fifo: number | undefined;

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
    await giveToMailUser(folder, spool);
    await copyFile(new URL('dovecot-2.4/dsyncd-notify.lua', deploy), join(folder, 'notify.lua'));
    const { version, users, name, notifySettings = [], dovecotLines = [] } = options;
    const lines = typeof notifySettings === 'function' ? notifySettings(folder) : notifySettings;
    const settings = [
      ...hostname(version, `${name}.test`),
      ...(await shippedConfig(version, folder, lines)),
      ...dovecotLines,
    ];
    const format = options.mailFormat === undefined ? {} : { mailFormat: options.mailFormat };
    const dovecot = await Dovecot.start({ version, users, hostname: `${name}.test`, settings, ...format });
    return new DovecotHost(options, dovecot, folder);
  }

  /** The doveadm_password, for dsyncd. */
  get secretFile(): string {
    return join(this.folder, 'secret');
  }

  /** @param replica - of the default channel; `others` are those of further channels */
  async startDsyncd(replica: string, ...others: readonly string[]): Promise<void> {
    await this.configure(replica, ...others);
    await this.startDsyncdAgain();
  }

  /** With the configuration that is there. */
  async startDsyncdAgain(): Promise<void> {
    const seen = this.dsyncd.lines.length;
    this.dsyncd.start();
    await this.dsyncd.waitForLog((line) => line.includes('"msg":"ready"'), seen);
  }

  /** Writes the configuration of dsyncd: the one that we ship, with the names of this host. */
  async configure(replica: string, ...others: readonly string[]): Promise<void> {
    const { name, version, settings = [], dovecotSettings = [] } = this.#options;
    const shipped = await readFile(new URL(`dovecot-${version}/dsyncd.toml`, deploy), 'utf8');
    const toml = shipped
      .replace('"mx1.example.com"', JSON.stringify(`${name}.test`))
      .replace('"tcp:mx2.example.com:12345"', JSON.stringify(replica))
      .replace('/etc/dsyncd/secret', this.secretFile)
      .replaceAll('/run/dovecot', join(this.dovecot.place.folder, 'run'))
      .replaceAll('"/run/dsyncd"', JSON.stringify(join(this.folder, 'run')))
      .replaceAll('/var/lib/dsyncd/notify-spool', join(this.folder, 'spool'))
      .replaceAll('"/var/lib/dsyncd"', JSON.stringify(join(this.folder, 'state')))
      // The dsync of the other side runs as the mail user, and is to reach replicator-doveadm.
      .replace('mode = "0600"', `mode = "0660"\ngroup = "${mailGroup}"`)
      .replaceAll('"vmail"', JSON.stringify(mailGroup))
      .replace('[dovecot]', ['[dovecot]', ...this.#configFile(), ...dovecotSettings].join('\n'))
      .replace('[channels.default]', [...settings, '[channels.default]'].join('\n'));
    await writeFile(this.secretFile, `${this.dovecot.secret}\n`, { mode: 0o600 });
    // dsyncd may run as the mail user.
    await giveToMailUser(this.secretFile);
    const more = others.map((to, index) => `[channels.more${index}]\nmail_replica = ${JSON.stringify(to)}\n`);
    await writeFile(join(this.folder, 'dsyncd.toml'), [toml, ...more].join('\n'));
    if (version !== '2.3') return;
    await this.#linkSockets();
    if (this.#options.holdsFifo !== false) await this.#holdFifo();
  }

  /** Dovecot 2.4 has its tools in a root of its own, where dsyncd cannot ask them. */
  #configFile(): readonly string[] {
    const { place, version } = this.dovecot;
    return version === '2.3' ? [`config_file = ${JSON.stringify(place.configFile)}`] : [];
  }

  /** What dsyncd.socket does. */
  async #holdFifo(): Promise<void> {
    if (this.#fifo !== undefined) return;
    const run = join(this.folder, 'run');
    const fifo = join(run, 'replication-notify-fifo');
    await mkdir(run, { recursive: true });
    execFileSync('mkfifo', ['-m', '660', fifo]);
    await giveToMailUser(run, fifo);
    this.#fifo = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  }

  /** What systemd-tmpfiles does with the file that we ship. */
  async #linkSockets(): Promise<void> {
    const shipped = await readFile(new URL('dovecot-2.3/tmpfiles.conf', deploy), 'utf8');
    for (const [, from = '', to = ''] of shipped.matchAll(
      /^L\+ \/run\/dovecot\/(\S+).* \/run\/dsyncd\/(\S+)$/gm,
    )) {
      const path = join(this.dovecot.place.folder, 'run', from);
      await rm(path, { force: true });
      await symlink(join(this.folder, 'run', to), path);
    }
  }

  /** The rows that a doveadm command prints. */
  async rows(args: readonly string[]): Promise<readonly Readonly<Record<string, string>>[]> {
    return this.dovecot.rows(args);
  }

  /** Syncs that ended so far. */
  get syncs(): readonly Readonly<Record<string, unknown>>[] {
    return this.dsyncd.log.filter(({ msg }) => msg === 'sync done' || msg === 'sync failed');
  }

  async stop(): Promise<void> {
    await this.dsyncd.end('SIGTERM');
    if (this.#fifo !== undefined) closeSync(this.#fifo);
    this.#fifo = undefined;
    await this.dovecot.stop();
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function giveToMailUser(...paths: readonly string[]): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (const path of paths) await chown(path, 65_534, 65_534);
}

/**
 * What the host calls itself in a sync. Two that call themselves alike would not see each other's lock, and two syncs that
 * cross would wait for each other's mailboxes.
 */
const hostname = (version: DovecotVersion, name: string): readonly string[] =>
  version === '2.3'
    ? [`import_environment = TZ DOVECOT_HOSTDOMAIN=${name}`]
    : ['import_environment {', `  DOVECOT_HOSTDOMAIN = ${name}`, '}'];

/** The configuration that we ship, with the names of this host. */
async function shippedConfig(
  version: DovecotVersion,
  folder: string,
  notifySettings: readonly string[],
): Promise<readonly string[]> {
  const text = await readFile(new URL(`dovecot-${version}/99-dsyncd.conf`, deploy), 'utf8');
  return text
    .replaceAll('vmail', mailUser)
    .replaceAll('CHANGE-ME', 'secret')
    .replaceAll('port = 12345', `port = ${await freePort()}`)
    .replaceAll('/etc/dovecot/dsyncd-notify.lua', join(folder, 'notify.lua'))
    .replaceAll('/var/lib/dsyncd/notify-spool', join(folder, 'spool'))
    .replace(/^( *)(mail_replica|spool_dir) = .*$/m, `$&\n${notifySettings.join('\n')}`)
    .split('\n');
}
