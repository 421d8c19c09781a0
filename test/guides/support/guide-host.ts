import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from '@dsyncd/testkit';
import { debianLayers, type GuideDebian, guideDebianProblem } from './debian-layers.ts';

const bootScript = fileURLToPath(new URL('boot-host.sh', import.meta.url));
const checkout = fileURLToPath(new URL('../../..', import.meta.url)).replace(/\/$/, '');

export interface GuideHostOptions {
  /** Without its domain, which is example.com. */
  readonly name: string;
  readonly debian: GuideDebian;
}

export interface BlockResult {
  readonly status: number;
  /** Of both streams, in order. */
  readonly output: string;
}

/** Why no hosts can be made here; undefined when they can. With CI=true that is an error at once. */
export function guideHostProblem(): string | undefined {
  const problem = findProblem();
  if (problem !== undefined && process.env.CI === 'true') throw new Error(problem);
  return problem;
}

function findProblem(): string | undefined {
  if (process.getuid?.() !== 0) return 'hosts with a systemd of their own can only be made by root';
  if (!existsSync('/usr/sbin/ip')) return 'missing Debian package: iproute2';
  if (spawnSync('findmnt', ['--types', 'cgroup2']).status !== 0)
    return 'no control groups (cgroup2) are mounted';
  return guideDebianProblem();
}

/** A whole throw-away host, on which the commands of a guide run as they are written: systemd, its own names, network and disk. */
export class GuideHost {
  readonly name: string;
  readonly fullName: string;
  readonly address: string;
  readonly #boot: ChildProcess;
  readonly #place: string;
  #pid = 0;
  #bootLog = '';

  private constructor(options: GuideHostOptions, address: string) {
    this.name = options.name;
    this.fullName = `${options.name}.example.com`;
    this.address = address;
    this.#place = mkdtempSync(join(tmpdir(), 'dvg-'));
    const args = [bootScript, this.#place, debianLayers(options.debian), options.name, checkout];
    // It ends with this process, however that ends.
    this.#boot = spawn('setpriv', ['--pdeathsig', 'KILL', 'sh', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#boot.stdout, this.#boot.stderr])
      stream?.on('data', (chunk: Buffer) => {
        this.#bootLog += chunk.toString();
      });
  }

  /** Starts them, in a network in which each knows the others' names. */
  static async boot(hosts: readonly GuideHostOptions[]): Promise<readonly GuideHost[]> {
    const problem = guideHostProblem();
    if (problem !== undefined) throw new Error(problem);
    const booted = hosts.map((options, index) => new GuideHost(options, `10.99.0.${index + 1}`));
    try {
      await Promise.all(booted.map((host) => host.#booted()));
      connectHosts(booted);
      const names = booted.map(({ address, fullName, name }) => `${address} ${fullName} ${name}\n`);
      for (const host of booted)
        writeFileSync(host.path('/etc/hosts'), `127.0.0.1 localhost\n${names.join('')}`);
      return booted;
    } catch (error) {
      await Promise.all(booted.map((host) => host.stop()));
      throw error;
    }
  }

  async #booted(): Promise<void> {
    await until(`${this.name} has booted`, () => {
      if (this.#boot.exitCode !== null) throw new Error(`${this.name} did not boot: ${this.#bootLog}`);
      this.#pid ||= firstProcess(this.#boot.pid ?? 0);
      if (this.#pid === 0) return false;
      const { stdout } = this.#enter(['systemctl', 'is-system-running']);
      return /^(running|degraded)/.test(stdout);
    });
  }

  get pid(): number {
    return this.#pid;
  }

  /** Where a file of it is on this machine. */
  path(file: string): string {
    return `/proc/${this.#pid}/root${file}`;
  }

  write(file: string, text: string): void {
    writeFileSync(this.path(file), text);
  }

  append(file: string, text: string): void {
    appendFileSync(this.path(file), text);
  }

  read(file: string): string {
    return readFileSync(this.path(file), 'utf8');
  }

  #enter(command: readonly string[], input = '') {
    const args = ['--target', String(this.#pid), '--all', '--root', '--wd', ...command];
    return spawnSync('nsenter', args, { encoding: 'utf8', input, env: shellEnvironment });
  }

  /** Runs commands as root pastes them into a shell in the clone; answers however they ended. */
  async tryRun(commands: string): Promise<BlockResult> {
    const script = `${prelude}cd /opt/dsyncd\nexec 2>&1\n${commands}\n`;
    const args = ['--target', String(this.#pid), '--all', '--root', '--wd'];
    const child = spawn('nsenter', [...args, 'bash', '-e', '-o', 'pipefail', '-c', script], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: shellEnvironment,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    const [status] = (await once(child, 'close')) as [number | null];
    return { status: status ?? -1, output };
  }

  /** The same; throws with what was printed when one of them fails. */
  async run(commands: string): Promise<string> {
    const { status, output } = await this.tryRun(commands);
    if (status === 0) return output;
    const { stdout } = this.#enter(['journalctl', '--no-pager', '--lines', '40', '--output', 'cat']);
    throw new Error(`on ${this.name}, exit status ${status}:\n${commands}\n${output}\njournal: ${stdout}`);
  }

  /** All its processes end, and what they wrote is gone. */
  async stop(): Promise<void> {
    if (this.#boot.exitCode === null && this.#boot.signalCode === null) {
      const gone = once(this.#boot, 'exit');
      this.#boot.kill('SIGKILL');
      await gone;
    }
    await until('its processes have ended', () => this.#pid === 0 || !existsSync(`/proc/${this.#pid}/ns`));
    removeControlGroups(this.#place);
    rmSync(this.#place, { recursive: true, force: true });
  }
}

/** Warnings of doctor are no failure, nor is a status that shows who is behind. */
const prelude = `dsyncadm() {
  command dsyncadm "$@" || { local code=$?; case "$1 $code" in 'doctor 1' | 'status 1') ;; *) return $code ;; esac; }
}
`;

const shellEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  LC_ALL: 'C',
};

/** The systemd that `unshare` started; 0 while it has not. */
function firstProcess(unsharePid: number): number {
  const children = `/proc/${unsharePid}/task/${unsharePid}/children`;
  const [pid = ''] = existsSync(children) ? readFileSync(children, 'utf8').trim().split(' ') : [];
  if (pid === '') return 0;
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'systemd' ? Number(pid) : 0;
  } catch {
    // A command before it has ended since.
    return 0;
  }
}

/** The first one has the switch that all are connected to; nothing is made in the network of this machine. */
function connectHosts(hosts: readonly GuideHost[]): void {
  const [first] = hosts;
  if (first === undefined) return;
  const ip = (host: GuideHost, words: string): void => {
    execFileSync('nsenter', ['--target', String(host.pid), '--net', 'ip', ...words.split(' ')]);
  };
  ip(first, 'link add switch type bridge');
  ip(first, 'link set switch up');
  for (const [index, host] of hosts.entries()) {
    ip(first, `link add port${index} type veth peer name eth0 netns ${host.pid}`);
    ip(first, `link set port${index} master switch up`);
    ip(host, 'link set lo up');
    ip(host, `addr add ${host.address}/24 dev eth0`);
    ip(host, 'link set eth0 up');
  }
}

/** They are left behind, empty. */
function removeControlGroups(place: string): void {
  const target = execFileSync('findmnt', [
    '--noheadings',
    '--first-only',
    '--types',
    'cgroup2',
    '--output',
    'TARGET',
  ]);
  const groups = `${target.toString().trim()}/dsyncd-guides-${place.split('/').at(-1)}`;
  spawnSync('find', [groups, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']);
}
