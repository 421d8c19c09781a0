import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LmtpClient } from '../lmtp-client.ts';
import { until } from '../until.ts';
import {
  type DovecotOptions,
  type DovecotPlace,
  type DovecotVersion,
  dovecotConfig,
} from './dovecot-config.ts';
import { dovecot24Folder, dovecot24Problem, inDovecot24, startDovecot24 } from './dovecot24.ts';
import { freePort } from './program.ts';

export interface DoveadmOutput {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

type ApiParameters = Readonly<Record<string, unknown>>;
type ApiRows = readonly Readonly<Record<string, string>>[];

/**
 * Why no Dovecot of that version can be started here; undefined when one can. With CI=true that is
 * an error at once, so that no integration test is skipped unseen.
 */
export function dovecotProblem(version: DovecotVersion): string | undefined {
  const problem = version === '2.4' ? dovecot24Problem() : dovecot23Problem();
  if (problem !== undefined && process.env.CI === 'true') throw new Error(problem);
  return problem;
}

const dovecot23Problem = (): string | undefined =>
  existsSync('/usr/sbin/dovecot') && existsSync('/usr/lib/dovecot/lmtp')
    ? undefined
    : 'Dovecot is not installed: npm test installs it as root on Debian';

/** Dovecot opens no mail of root. */
const mailUser = (): { uid: number; gid: number } => {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  return uid === 0 ? { uid: 65_534, gid: 65_534 } : { uid, gid };
};

/** A real Dovecot with a folder, a configuration and ports of its own; any number run side by side. */
export class Dovecot {
  readonly version: DovecotVersion;
  readonly place: DovecotPlace;
  readonly users: readonly string[];
  readonly secret: string;
  #child: ChildProcess;
  /** What it says before it has a log. */
  #firstWords = '';

  private constructor(options: DovecotOptions, place: DovecotPlace) {
    this.version = options.version;
    this.users = options.users;
    this.secret = options.secret ?? 'secret';
    this.place = place;
    this.#child = this.#launch();
  }

  #launch(): ChildProcess {
    const { configFile, environment } = this.place;
    const child =
      this.version === '2.4'
        ? startDovecot24(['dovecot', '-F', '-c', configFile], environment)
        : spawn('dovecot', ['-F', '-c', configFile], {
            stdio: ['ignore', 'ignore', 'pipe'],
            env: { ...process.env, ...environment },
          });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      if (this.#firstWords.length < 10_000) this.#firstWords += text;
    });
    return child;
  }

  async #listens(logged: number): Promise<void> {
    await until(
      `Dovecot ${this.version} has started`,
      () => {
        if (!this.isRunning) throw new Error(`Dovecot ended: ${this.#firstWords}${this.log()}`);
        return this.log().includes('starting up', logged);
      },
      { timeoutMs: 30_000 },
    );
  }

  /** Makes the folder, starts Dovecot and waits until it listens. */
  static async start(options: DovecotOptions): Promise<Dovecot> {
    const problem = dovecotProblem(options.version);
    if (problem !== undefined) throw new Error(problem);
    const place = await makePlace(options);
    const dovecot = new Dovecot(options, place);
    try {
      await dovecot.#listens(0);
    } catch (error) {
      await dovecot.stop();
      throw error;
    }
    return dovecot;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Destinations of its doveadm service, for `doveadm sync` and `mail_replica`. */
  get tcp(): string {
    return `tcp:127.0.0.1:${this.place.doveadmPort}`;
  }

  get tcps(): string {
    return `tcps:127.0.0.1:${this.place.doveadmTlsPort}`;
  }

  log(): string {
    return existsSync(this.place.logFile) ? readFileSync(this.place.logFile, 'utf8') : '';
  }

  /** The command line of doveadm of this instance, to be started by anyone. */
  doveadmCommand(args: readonly string[]): { readonly command: string; readonly args: readonly string[] } {
    return this.#toolCommand('doveadm', ['-c', this.place.configFile, ...args]);
  }

  /** Runs any program where this Dovecot runs, which for 2.4 has mounts of its own; answers however it ended. */
  async runBeside(tool: string, args: readonly string[]): Promise<DoveadmOutput> {
    return this.#run(this.#toolCommand(tool, args));
  }

  #toolCommand(
    tool: string,
    args: readonly string[],
  ): { readonly command: string; readonly args: readonly string[] } {
    return this.version === '2.4'
      ? inDovecot24(this.#child.pid ?? 0, [tool, ...args])
      : { command: tool, args };
  }

  /**
   * What `doveconf -n` prints of its configuration with some lines more or other, which the running Dovecot does not see.
   * @param change - gets the text of the configuration file
   */
  async doveconf(change: (text: string) => string = (text) => text): Promise<string> {
    const file = join(this.place.folder, 'doveconf-n.conf');
    await writeFile(file, change(readFileSync(this.place.configFile, 'utf8')));
    const { command, args } = this.#toolCommand('doveconf', ['-c', file, '-n']);
    return execFileSync(command, args, {
      encoding: 'utf8',
      env: { ...process.env, ...this.place.environment },
    });
  }

  /** Runs doveadm; answers however it ended. */
  async tryDoveadm(args: readonly string[], input: string | Buffer = ''): Promise<DoveadmOutput> {
    return this.#run(this.doveadmCommand(args), input);
  }

  async #run(
    { command, args }: { readonly command: string; readonly args: readonly string[] },
    input: string | Buffer = '',
  ): Promise<DoveadmOutput> {
    const child = spawn(command, args, { env: { ...process.env, ...this.place.environment } });
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // It may end before it has read everything.
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const [status] = (await once(child, 'close')) as [number | null];
    const text = (chunks: Buffer[]): string => Buffer.concat(chunks).toString('utf8');
    return { status: status ?? -1, stdout: text(stdout), stderr: text(stderr) };
  }

  /** Runs doveadm; answers what it printed. Throws when it fails. */
  async doveadm(args: readonly string[], input: string | Buffer = ''): Promise<string> {
    const { status, stdout, stderr } = await this.tryDoveadm(args, input);
    if (status !== 0) throw new Error(`doveadm ${args.join(' ')} ended with ${status}: ${stdout}${stderr}`);
    return stdout;
  }

  /** The rows that a doveadm command prints. */
  async rows(args: readonly string[]): Promise<readonly Readonly<Record<string, string>>[]> {
    const text = await this.doveadm(['-f', 'json', ...args]);
    return text.trim() === '' ? [] : (JSON.parse(text) as Readonly<Record<string, string>>[]);
  }

  /**
   * Does a doveadm command by Dovecot's HTTP API, which spares a process a command.
   * @param command - in camel case: `mailboxStatus`
   * @param parameters - the option names of the API
   * @returns the rows that it prints; throws the exit code when it fails
   */
  async api(command: string, parameters: ApiParameters): Promise<ApiRows> {
    const [rows = []] = await this.apiCalls([[command, parameters]]);
    return rows;
  }

  /** The same for several commands, in one request; answers the rows of each. */
  async apiCalls(
    commands: readonly (readonly [command: string, parameters: ApiParameters])[],
  ): Promise<readonly ApiRows[]> {
    if (commands.length === 0) return [];
    const answer = await fetch(`http://127.0.0.1:${this.place.doveadmHttpPort}/doveadm/v1`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`doveadm:${this.secret}`).toString('base64')}`,
        'content-type': 'application/json',
      },
      body: JSON.stringify(commands.map(([command, parameters], tag) => [command, parameters, String(tag)])),
    });
    const text = await answer.text();
    const what = `doveadm ${JSON.stringify(commands).slice(0, 200)}`;
    if (!answer.ok) throw new Error(`${what}: HTTP ${answer.status} ${text}`);
    const answers = JSON.parse(text) as [kind: string, rows: ApiRows, tag: string][];
    const rows = answers.flatMap(([kind, each, tag], index) =>
      kind === 'doveadmResponse' && tag === String(index) ? [each] : [],
    );
    if (rows.length !== commands.length) throw new Error(`${what}: ${text}`);
    return rows;
  }

  /** Delivers mails by LMTP, one after another. Throws with the end of the log when one was not taken. */
  async deliver(user: string, bodies: readonly Buffer[]): Promise<void> {
    const client = await LmtpClient.connect(this.place.lmtpPort);
    try {
      for (const body of bodies) {
        const [reply] = await client.deliver([user], body);
        if (reply?.startsWith('250') !== true) throw new Error(`LMTP: ${reply}`);
      }
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${this.log().slice(-2_000)}`, { cause: error });
    } finally {
      client.close();
    }
  }

  /** Gives a folder with all in it to the user whom the mail processes run as. */
  async adopt(folder: string): Promise<void> {
    const { uid, gid } = mailUser();
    await chown(folder, uid, gid);
    for (const entry of await readdir(folder, { recursive: true }))
      await chown(join(folder, entry), uid, gid);
  }

  /** Ends every process of it at once, as the loss of power would, and starts it again on what is on disk. */
  async killAndRestart(): Promise<void> {
    const gone = once(this.#child, 'exit');
    for (const pid of [this.#child.pid ?? 0, ...childrenOf(this.#child.pid ?? 0)]) kill(pid);
    await gone;
    const logged = this.log().length;
    await rm(join(this.place.folder, 'run', 'master.pid'), { force: true });
    this.#child = this.#launch();
    await this.#listens(logged);
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    if (this.isRunning) {
      const gone = once(this.#child, 'exit');
      this.#child.kill('SIGTERM');
      await gone;
    }
    await rm(this.place.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** Processes that Dovecot's master started. */
const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself meanwhile.
  }
}

async function makePlace(options: DovecotOptions): Promise<DovecotPlace> {
  const folder = await mkdtemp(join(tmpdir(), 'dv-'));
  const { uid, gid } = mailUser();
  const place: DovecotPlace = {
    folder,
    configFile: join(folder, 'dovecot.conf'),
    logFile: join(folder, 'log'),
    usersFile: join(folder, 'users'),
    mailFolder: join(folder, 'mail'),
    doveadmSocket: join(folder, 'run', 'doveadm-server'),
    imapPort: await freePort(),
    lmtpPort: await freePort(),
    doveadmPort: await freePort(),
    doveadmTlsPort: await freePort(),
    doveadmHttpPort: await freePort(),
    environment: options.hostname === undefined ? {} : { DOVECOT_HOSTDOMAIN: options.hostname },
  };
  await chmod(folder, 0o755);
  await mkdir(place.mailFolder);
  await chown(place.mailFolder, uid, gid);
  const home = (user: string): string => join(place.mailFolder, user);
  const users = options.users.map((user) => `${user}:{PLAIN}secret:${uid}:${gid}::${home(user)}::\n`);
  await writeFile(place.usersFile, users.join(''), { mode: 0o644 });
  await writeFile(place.configFile, dovecotConfig(options, place));
  return place;
}

/** Text of the installed version, for reports. */
export const dovecotVersionText = (version: DovecotVersion): string =>
  version === '2.3'
    ? execFileSync('dovecot', ['--version'], { encoding: 'utf8' }).trim()
    : execFileSync('chroot', [dovecot24Folder(), 'dovecot', '--version'], { encoding: 'utf8' }).trim();
