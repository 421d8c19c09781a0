import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@dsyncd/core';
import { type MailStore, openMaildirStore } from '@dsyncd/mailstore';
import { LmtpClient } from '../lmtp-client.ts';
import { type CommandResult, Program, type ProgramName, runProgram } from './program.ts';

export interface HostOptions {
  /** Host name in the configuration; must differ between hosts. */
  readonly hostname: string;
  readonly folder: string;
  /** TOML lines for the top of the file: what a test wants different. */
  readonly settings?: readonly string[];
  /** Channels by name. */
  readonly channels: Readonly<
    Record<string, { readonly replica: string; readonly settings?: readonly string[] }>
  >;
  /** Where `dsync-server` listens; missing: it is not started (the peer comes by SSH). */
  readonly doveadm?: { readonly port: number; readonly ssl: boolean };
  /** Where dsyncd serves API and dashboard, and the token of the role operate; missing: it does not. */
  readonly http?: { readonly port: number; readonly token: string };
  /** TOML lines for `[redis]`: the queue is there. Missing: it is a file. */
  readonly redis?: readonly string[];
  /** TOML of further tables: `[ssl]`, `[ssh]`. */
  readonly tables?: readonly string[];
  readonly secret: string;
}

/** A mail host made of the real programs: dsyncd, dsync-server and dsync-lmtp with a folder of its own. */
export class Host {
  readonly hostname: string;
  readonly folder: string;
  readonly configFile: string;
  readonly baseDir: string;
  readonly programs: ReadonlyMap<ProgramName, Program>;
  readonly #helpers = new Map<string, Program>();
  #options: HostOptions;

  constructor(options: HostOptions) {
    this.#options = options;
    this.hostname = options.hostname;
    this.folder = options.folder;
    this.configFile = join(options.folder, 'dsyncd.toml');
    this.baseDir = join(options.folder, 'run');
    const names: ProgramName[] = ['dsyncd', 'dsync-lmtp'];
    if (options.doveadm !== undefined) names.push('dsync-server');
    this.programs = new Map(names.map((name) => [name, new Program(name, ['-c', this.configFile])]));
  }

  /** Where notifications wait while dsyncd is down. */
  get spoolDir(): string {
    return join(this.folder, 'state', 'notify-spool');
  }

  get lmtpPath(): string {
    return join(this.baseDir, 'lmtp');
  }

  /** The HTTP API and the token of its role operate. */
  get http(): { readonly url: string; readonly token: string; readonly tokenFile: string } {
    const { http } = this.#options;
    if (http === undefined) throw new Error(`${this.hostname} has no HTTP API`);
    const { port, token } = http;
    return { url: `http://127.0.0.1:${port}`, token, tokenFile: join(this.folder, 'operate-token') };
  }

  /** Writes the configuration, with `changes` if there are some; running programs read it at their next SIGHUP. */
  async configure(changes: Partial<Omit<HostOptions, 'folder' | 'hostname'>> = {}): Promise<void> {
    this.#options = { ...this.#options, ...changes };
    const { folder } = this;
    await mkdir(this.baseDir, { recursive: true });
    await mkdir(join(folder, 'state'), { recursive: true });
    await writeFile(join(folder, 'secret'), `${this.#options.secret}\n`, { mode: 0o600 });
    if (this.#options.http !== undefined)
      await writeFile(this.http.tokenFile, `${this.http.token}\n`, { mode: 0o600 });
    await writeFile(this.configFile, `${this.#toml().join('\n')}\n`);
    for (const name of this.#helpers.keys()) await this.#configureHelper(name);
  }

  /**
   * Another dsyncd for the mail of this host, with sockets and state of its own; not started yet. Both need a
   * queue on Redis.
   */
  async addReplicator(name: string): Promise<Program> {
    await this.#configureHelper(name);
    const program = new Program('dsyncd', ['-c', join(this.folder, name, 'dsyncd.toml')]);
    this.#helpers.set(name, program);
    return program;
  }

  async #configureHelper(name: string): Promise<void> {
    const folder = join(this.folder, name);
    await mkdir(join(folder, 'run'), { recursive: true });
    await mkdir(join(folder, 'state'), { recursive: true });
    await writeFile(join(folder, 'dsyncd.toml'), `${this.#toml(folder).join('\n')}\n`);
  }

  /** `own`: where sockets and state are. */
  #toml(own = this.folder): string[] {
    const { folder } = this;
    const { channels, doveadm, http, redis, settings = [], tables = [] } = this.#options;
    const text = (value: string): string => JSON.stringify(value);
    return [
      `hostname = ${text(this.hostname)}`,
      `base_dir = ${text(join(own, 'run'))}`,
      `state_dir = ${text(join(own, 'state'))}`,
      `notify_spool_dir = ${text(this.spoolDir)}`,
      'mail_engine = "builtin"',
      `mail_home = ${text(join(folder, 'mail', '%{user}'))}`,
      `doveadm_password_file = ${text(join(folder, 'secret'))}`,
      ...(redis === undefined ? [] : ['queue = "redis"']),
      ...settings,
      ...Object.entries(channels).flatMap(([name, channel]) => [
        `[channels.${name}]`,
        `mail_replica = ${text(channel.replica)}`,
        ...(channel.settings ?? []),
      ]),
      ...(doveadm === undefined
        ? []
        : ['[listeners.doveadm]', 'address = "127.0.0.1"', `port = ${doveadm.port}`, `ssl = ${doveadm.ssl}`]),
      ...(http === undefined || own !== folder
        ? []
        : ['[listeners.http]', `port = ${http.port}`, `operate_token_file = ${text(this.http.tokenFile)}`]),
      ...(redis === undefined
        ? []
        : ['[redis]', `backend = ${text(this.hostname)}`, 'lease = "1s"', ...redis]),
      '[listeners.lmtp]',
      `path = ${text(this.lmtpPath)}`,
      ...tables,
    ];
  }

  program(name: ProgramName): Program {
    const program = this.programs.get(name);
    if (program === undefined) throw new Error(`${this.hostname} has no ${name}`);
    return program;
  }

  /** All dsyncd of this host, those of {@link addReplicator} too. */
  get replicators(): readonly Program[] {
    return [this.program('dsyncd'), ...this.#helpers.values()];
  }

  /** Starts every program that is not running and waits until each says that it is ready. */
  async start(): Promise<void> {
    await Promise.all([...this.programs.keys()].map((name) => this.startProgram(name)));
  }

  async startProgram(name: ProgramName): Promise<void> {
    const program = this.program(name);
    if (program.isRunning) return;
    const seen = program.lines.length;
    program.start();
    await program.waitForLog((line) => line.includes('"msg":"ready"'), seen);
  }

  /** Sends SIGHUP and waits until the program says what it thinks of the configuration. */
  async reload(name: ProgramName): Promise<string> {
    const program = this.program(name);
    const seen = program.lines.length;
    program.signal('SIGHUP');
    return program.waitForLog((line) => /"msg":"configuration (not )?reloaded/.test(line), seen);
  }

  /** Runs `dsyncadm` on this host. */
  async admin(...args: readonly string[]): Promise<CommandResult> {
    return runProgram('dsyncadm', ['-c', this.configFile, ...args]);
  }

  /** Delivers a mail by LMTP; answers the reply. */
  async deliver(recipient: string, body: string | Buffer): Promise<string> {
    const client = await LmtpClient.connect(this.lmtpPath);
    const [reply] = await client.deliver([recipient], Buffer.from(body)).finally(() => client.close());
    return reply ?? '';
  }

  /** Ends every program politely. */
  async stop(): Promise<void> {
    const programs = [...this.programs.values(), ...this.#helpers.values()];
    await Promise.all(programs.map((program) => program.end('SIGTERM')));
  }

  /** The mail of this host, opened beside its programs, as any mail process would. */
  openStore(): MailStore {
    return openMaildirStore({
      home: (user) => join(this.folder, 'mail', user),
      clock: systemClock,
      random: systemRandom,
    });
  }
}
