import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { until } from '@dsyncd/testkit';

/** Releases of Debian that can be booted; test/tooling/debian-hosts.mjs makes them, with Dovecot 2.3 and 2.4. */
export type DebianRelease = 'bookworm' | 'trixie';

const script = new URL('boot-host.sh', import.meta.url).pathname;
const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
const folderOf = (release: DebianRelease): string => join(cache, 'dsyncd', `host-${release}`);
/** Namespaces that a host has for itself. */
const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup'];

/** Why hosts cannot be booted here; undefined when they can. With CI=true that is an error at once. */
export function bootProblem(): string | undefined {
  const problem = findProblem();
  if (problem !== undefined && process.env.CI === 'true') throw new Error(problem);
  return problem;
}

function findProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can boot a host in namespaces';
  for (const release of ['bookworm', 'trixie'] as const)
    if (!existsSync(join(folderOf(release), 'dsyncd-edition')))
      return `${folderOf(release)} is not there: node test/tooling/debian-hosts.mjs makes it`;
  const { status, stderr } = spawnSync('unshare', [...namespaces, '--fork', 'true'], { encoding: 'utf8' });
  return status === 0 ? undefined : `no namespaces: ${stderr}`;
}

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A Debian host of a test's own: systemd, Dovecot, sshd, and a network that {@link connectHosts} makes. */
export class BootedHost {
  readonly name: string;
  readonly #place: string;
  readonly #child: ChildProcess;
  #stderr = '';

  private constructor(release: DebianRelease, name: string, packages: string) {
    this.name = name;
    this.#place = mkdtempSync(join(tmpdir(), 'dsyncd-host-'));
    const args = ['--mount', 'sh', script, this.#place, folderOf(release), name, packages];
    this.#child = spawn('unshare', args, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
  }

  /**
   * Settles when the host is up and no unit has failed.
   * @param packages - a folder that the host has as /packages
   */
  static async boot(release: DebianRelease, name: string, packages: string): Promise<BootedHost> {
    const host = new BootedHost(release, name, packages);
    try {
      await until(`${name} is up`, async () => (await host.#bootState()) === 'running', {
        timeoutMs: 60_000,
        everyMs: 100,
      });
    } catch (error) {
      const failed = host.#init === undefined ? '' : (await host.run('systemctl', '--failed')).stdout;
      await host.stop();
      throw new Error(`${failed}${host.#stderr}`, { cause: error });
    }
    return host;
  }

  async #bootState(): Promise<string> {
    if (this.#child.exitCode !== null) throw new Error(`the host ended: ${this.#stderr}`);
    if (this.#init === undefined) return '';
    const state = (await this.run('systemctl', 'is-system-running')).stdout.trim();
    if (state === 'degraded') throw new Error('a unit of the host failed');
    return state;
  }

  /** Its first process, as this machine numbers it. */
  get #init(): number | undefined {
    const { pid } = this.#child;
    if (pid === undefined || !existsSync(`/proc/${pid}`)) return undefined;
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    const isSystemd = readFileSync(`/proc/${child}/cmdline`, 'utf8').startsWith('/lib/systemd/systemd');
    return isSystemd ? Number(child) : undefined;
  }

  get pid(): number {
    if (this.#init === undefined) throw new Error(`${this.name} does not run: ${this.#stderr}`);
    return this.#init;
  }

  /** Starts a program on the host. */
  spawn(command: string, args: readonly string[]): ChildProcess {
    const environment = [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'LC_ALL=C.UTF-8',
    ];
    const enter = ['--target', String(this.pid), '--all', '--root', '--wd', 'env', '-i', ...environment];
    return spawn('nsenter', [...enter, 'DEBIAN_FRONTEND=noninteractive', command, ...args]);
  }

  /** Runs a program on the host; answers however it ended. */
  run(command: string, ...args: readonly string[]): Promise<Output> {
    return this.feed('', command, ...args);
  }

  async feed(input: string, command: string, ...args: readonly string[]): Promise<Output> {
    const child = this.spawn(command, args);
    let [stdout, stderr] = ['', ''];
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // It may end before it has read everything.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  }

  /** The same; answers what it printed, and throws when it fails. */
  async output(command: string, ...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, ...args);
    if (code !== 0) throw new Error(`${this.name}: ${command} ${args.join(' ')}: ${stdout}${stderr}`);
    return stdout;
  }

  /** Runs lines of a shell, with some text as standard input. */
  async shell(lines: string, input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.feed(input, 'sh', '-ec', lines);
    if (code !== 0) throw new Error(`${this.name}: ${lines}: ${stdout}${stderr}`);
    return stdout;
  }

  async write(path: string, text: string): Promise<void> {
    await this.shell(`mkdir -p "$(dirname ${path})"; cat > ${path}`, text);
  }

  /** Ends everything on it. */
  async stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const gone = once(this.#child, 'close');
      this.#child.kill('SIGKILL');
      await gone;
    }
    await until('its control groups are empty', () => removeGroups(basename(this.#place)));
    rmSync(this.#place, { recursive: true, force: true });
  }
}

/** True when the control groups of that name are gone. */
function removeGroups(name: string): boolean {
  const mounts = execFileSync('findmnt', ['--noheadings', '--types', 'cgroup2', '--output', 'TARGET'], {
    encoding: 'utf8',
  });
  const folder = join(mounts.split('\n')[0] ?? '', name);
  const remove = (group: string): void => {
    for (const entry of readdirSync(group, { withFileTypes: true }))
      if (entry.isDirectory()) remove(join(group, entry.name));
    rmdirSync(group);
  };
  try {
    if (existsSync(folder)) remove(folder);
    return true;
  } catch {
    // A process there has not ended yet.
    return false;
  }
}

const addresses = ['192.0.2.1', '192.0.2.2'];

/** Puts a cable between two hosts, and the names of both into their /etc/hosts. */
export async function connectHosts(one: BootedHost, two: BootedHost): Promise<void> {
  const hosts = [one, two];
  const end = (host: BootedHost): readonly string[] => ['name', 'cable', 'netns', String(host.pid)];
  execFileSync('ip', ['link', 'add', ...end(one), 'type', 'veth', 'peer', ...end(two)]);
  const names = hosts.map(({ name }, index) => `${addresses[index]} ${name}\n`).join('');
  await Promise.all(
    hosts.map(async (host, index) => {
      for (const args of [
        ['address', 'add', `${addresses[index]}/24`, 'dev', 'cable'],
        ['link', 'set', 'cable', 'up'],
      ])
        execFileSync('nsenter', ['--target', String(host.pid), '--net', 'ip', ...args]);
      await host.write('/etc/hosts', `127.0.0.1 localhost\n${names}`);
    }),
  );
}
