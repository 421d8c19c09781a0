import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dsyncadm, type Ended, type RunOptions } from './dsyncadm.ts';

export const ann = 'ann@example.com';

/** A host with an empty store and no dsyncd: what it is told waits in the spool folder, for the test to see. */
export class Rig {
  readonly folder: string;
  readonly configFile: string;

  private constructor(folder: string) {
    this.folder = folder;
    this.configFile = join(folder, 'dsyncd.toml');
  }

  static async open(): Promise<Rig> {
    const rig = new Rig(await mkdtemp(join(tmpdir(), 'dsyncadm-')));
    for (const name of ['run', 'state', 'mail']) await mkdir(rig.path(name));
    await rig.configure();
    return rig;
  }

  path(...parts: readonly string[]): string {
    return join(this.folder, ...parts);
  }

  async configure(extra = ''): Promise<void> {
    const lines = [
      'hostname = "a.example.com"',
      `base_dir = "${this.path('run')}"`,
      `state_dir = "${this.path('state')}"`,
      `mail_home = "${this.path('mail')}/%{user}"`,
      extra,
      '[channels.default]',
      'mail_replica = "remote:vmail@b.example.com"',
    ];
    await writeFile(this.configFile, `${lines.join('\n')}\n`);
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return dsyncadm(args, { ...options, env: { DSYNCD_CONFIG: this.configFile, ...options.env } });
  }

  /** Runs a command that must succeed quietly, and answers what it printed. */
  async ok(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, options);
    if (code !== 0 || stderr !== '') throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  /** What was notified since the last call: `USER PRIORITY`. */
  async takeNotifications(): Promise<readonly string[]> {
    const spool = this.path('state/notify-spool');
    const names = await readdir(spool).catch(() => []);
    const texts: string[] = [];
    for (const name of names.sort()) {
      texts.push(await readFile(join(spool, name), 'utf8'));
      await rm(join(spool, name));
    }
    return texts
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t').slice(0, 2).join(' '));
  }

  async close(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}
