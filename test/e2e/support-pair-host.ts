import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, runProgram } from '@dsyncd/testkit';
import { mailOf, onCleanup } from './support.ts';
import { PairCommand, type PairEvent } from './support-pair.ts';

const user = userInfo().username;

/** A host of a pair in a folder, with its mail in the built-in engine. */
export class PairHost {
  readonly root = mkdtempSync(join(tmpdir(), 'dsyncd-pair-'));
  readonly hostname: string;
  readonly port: number;

  private constructor(hostname: string, port: number) {
    this.hostname = hostname;
    this.port = port;
    onCleanup(async () => {
      await this.undo();
      rmSync(this.root, { recursive: true, force: true });
    });
  }

  static make = async (hostname: string): Promise<PairHost> => new PairHost(hostname, await freePort());

  path(...parts: readonly string[]): string {
    return join(this.root, ...parts);
  }

  /** What no question is about. */
  placeOptions(services: 'start' | 'none'): readonly string[] {
    return [
      ...['--root', this.root, '--user', user, '--port', String(this.port), '--services', services],
      ...(services === 'none' ? ['--wait', '0'] : []),
    ];
  }

  #options(services: 'start' | 'none'): readonly string[] {
    const answers = ['--hostname', this.hostname, '--address', '127.0.0.1', '--engine', 'builtin'];
    return [...this.placeOptions(services), ...answers];
  }

  init(services: 'start' | 'none', more: readonly string[] = []): PairCommand {
    return new PairCommand(
      ['init', '--pair-port', '0', '--pair-address', '127.0.0.1', ...this.#options(services), ...more],
      '',
    );
  }

  join(services: 'start' | 'none', { code, port }: PairEvent, more: readonly string[] = []): PairCommand {
    return new PairCommand(
      ['join', `127.0.0.1:${String(port)}`, ...this.#options(services), ...more],
      `${String(code)}\n`,
    );
  }

  /** Gives each of these users of example.com a mail, as a host alone has it before it is paired. */
  async saveBefore(names: readonly string[]): Promise<void> {
    await mkdir(this.path('srv/mail'), { recursive: true });
    await mkdir(this.path('old'), { recursive: true });
    const file = this.path('old/dsyncd.toml');
    const config = [
      `hostname = "${this.hostname}"`,
      `base_dir = "${this.path('old')}"`,
      `state_dir = "${this.path('old')}"`,
      `mail_home = "${this.path('srv/mail')}/%{user}"`,
      '[channels.default]',
      'mail_replica = "remote:vmail@elsewhere.example.test"',
    ];
    await writeFile(file, `${config.join('\n')}\n`);
    for (const name of names) {
      const args = ['-c', file, 'mail', 'save', '--create-user', '-u', `${name}@example.com`];
      const { code, stderr } = await runProgram('dsyncadm', args, mailOf('old'));
      if (code !== 0) throw new Error(stderr);
    }
  }

  undo = () => runProgram('dsyncadm', ['pair', 'undo', '--yes', '--root', this.root]);

  admin = (...args: readonly string[]) =>
    runProgram('dsyncadm', ['-c', this.path('etc/dsyncd/dsyncd.toml'), ...args]);

  /** What is in /etc. */
  async etc(): Promise<readonly string[]> {
    return existsSync(this.path('etc')) ? (await readdir(this.path('etc'), { recursive: true })).sort() : [];
  }
}

export const makePairHosts = async (): Promise<readonly [PairHost, PairHost]> => [
  await PairHost.make('mx1.example.test'),
  await PairHost.make('mx2.example.test'),
];
