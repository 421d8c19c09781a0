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

  /** Writes the configuration, with `changes` if there are some; running programs read it at their next SIGHUP. */
  async configure(changes: Partial<Omit<HostOptions, 'folder' | 'hostname'>> = {}): Promise<void> {
    this.#options = { ...this.#options, ...changes };
    const { folder } = this;
    await mkdir(this.baseDir, { recursive: true });
    await mkdir(join(folder, 'state'), { recursive: true });
    await writeFile(join(folder, 'secret'), `${this.#options.secret}\n`, { mode: 0o600 });
    await writeFile(this.configFile, `${this.#toml().join('\n')}\n`);
  }

  #toml(): string[] {
    const { folder } = this;
    const { channels, doveadm, settings = [], tables = [] } = this.#options;
    const text = (value: string): string => JSON.stringify(value);
    return [
      `hostname = ${text(this.hostname)}`,
      `base_dir = ${text(this.baseDir)}`,
      `state_dir = ${text(join(folder, 'state'))}`,
      'mail_engine = "builtin"',
      `mail_home = ${text(join(folder, 'mail', '%{user}'))}`,
      `doveadm_password_file = ${text(join(folder, 'secret'))}`,
      ...settings,
      ...Object.entries(channels).flatMap(([name, channel]) => [
        `[channels.${name}]`,
        `mail_replica = ${text(channel.replica)}`,
        ...(channel.settings ?? []),
      ]),
      ...(doveadm === undefined
        ? []
        : ['[listeners.doveadm]', 'address = "127.0.0.1"', `port = ${doveadm.port}`, `ssl = ${doveadm.ssl}`]),
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
    await Promise.all([...this.programs.values()].map((program) => program.end('SIGTERM')));
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
