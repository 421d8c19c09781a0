import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';

export const hasDovecot: boolean = existsSync('/usr/bin/doveadm') && existsSync('/usr/lib/dovecot/imap');

/** Dovecot refuses to open root's mail, so root's tests open it as nobody. */
const mailUser =
  userInfo().uid === 0 ? { uid: 65534, gid: 65534 } : { uid: userInfo().uid, gid: userInfo().gid };

/** A home that Dovecot's own programs open: doveadm, and imap as after a login. No server runs. */
export class DovecotHome {
  readonly base: string;
  readonly home: string;
  readonly #config: string;

  static async create(separator = '/'): Promise<DovecotHome> {
    const created = new DovecotHome(await mkdtemp(`${tmpdir()}/dv`));
    await created.#writeConfig(separator);
    return created;
  }

  private constructor(base: string) {
    this.base = base;
    this.home = `${base}/home`;
    this.#config = `${base}/dovecot.conf`;
  }

  get maildir(): string {
    return `${this.home}/Maildir`;
  }

  async dispose(): Promise<void> {
    await rm(this.base, { recursive: true, force: true });
  }

  async #writeConfig(separator: string): Promise<void> {
    const { uid, gid } = mailUser;
    const lines = [
      `base_dir = ${this.base}/run`,
      `state_dir = ${this.base}/run`,
      'log_path = /dev/stderr',
      `mail_uid = ${uid}`,
      `mail_gid = ${gid}`,
      'first_valid_uid = 0',
      'first_valid_gid = 0',
      'mail_location = maildir:~/Maildir',
      'ssl = no',
      'protocols =',
      'namespace inbox {',
      '  inbox = yes',
      '  prefix =',
      `  separator = ${separator}`,
      '}',
    ];
    await writeFile(this.#config, `${lines.join('\n')}\n`);
  }

  /** Runs doveadm and answers what it printed; fails on anything that it complains about. */
  async doveadm(args: readonly string[], input = ''): Promise<string> {
    return this.#run('/usr/bin/doveadm', ['-c', this.#config, ...args], input);
  }

  async json(...args: readonly string[]): Promise<readonly Readonly<Record<string, string>>[]> {
    return JSON.parse(await this.doveadm(['-f', 'json', ...args])) as Readonly<Record<string, string>>[];
  }

  async lines(...args: readonly string[]): Promise<readonly string[]> {
    return (await this.doveadm(args)).split('\n').filter((line) => line !== '');
  }

  async save(mailbox: string, text: string): Promise<void> {
    await this.doveadm(['save', '-m', mailbox], text);
  }

  /** Runs IMAP commands in one session that is logged in already. */
  async imap(...commands: readonly string[]): Promise<string> {
    const lines = [...commands, 'LOGOUT'].map((command, index) => `a${index} ${command}\r\n`);
    const answer = await this.#run('/usr/lib/dovecot/imap', ['-c', this.#config], lines.join(''), false);
    const refused = /^a\d+ (NO|BAD) .*$/m.exec(answer);
    if (refused !== null) throw new Error(`imap: ${refused[0]}`);
    return answer;
  }

  #run(program: string, args: readonly string[], input: string, isQuiet = true): Promise<string> {
    if (userInfo().uid === 0) execFileSync('chown', ['-R', `${mailUser.uid}:${mailUser.gid}`, this.base]);
    return new Promise((resolve, reject) => {
      const env = { HOME: this.home, USER: 'alice', PATH: '/usr/bin:/bin' };
      const child = execFile(
        program,
        [...args],
        { ...mailUser, env, maxBuffer: 64e6 },
        (error, stdout, stderr) => {
          if (error !== null || (isQuiet && stderr !== '')) reject(new Error(`${args.join(' ')}: ${stderr}`));
          else resolve(stdout);
        },
      );
      // imap drops what is left to do when its input ends; LOGOUT ends it.
      if (input === '') child.stdin?.end();
      else if (isQuiet) child.stdin?.end(input);
      else child.stdin?.write(input);
    });
  }
}
