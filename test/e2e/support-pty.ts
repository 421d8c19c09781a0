import { type ChildProcess, spawn } from 'node:child_process';
import { programFile, until } from '@dsyncd/testkit';
import { onCleanup } from './support.ts';

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;

/** dsyncadm on a pseudo-terminal, as a person sees it. `script` (util-linux, on every Debian) makes the terminal. */
export class PtyCommand {
  readonly ended: Promise<number>;
  readonly #child: ChildProcess;
  #screen = '';
  #seen = 0;

  constructor(args: readonly string[]) {
    const command = [process.execPath, programFile('dsyncadm'), ...args].map(quoted).join(' ');
    const child = spawn('script', ['--quiet', '--return', '--flush', '--command', command, '/dev/null']);
    this.#child = child;
    onCleanup(() => child.kill('SIGKILL'));
    child.stdout.setEncoding('utf8').on('data', (text: string) => (this.#screen += text));
    child.stdin.on('error', () => {});
    this.ended = new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1)));
  }

  /** All that was on the terminal, without its colours and cursor moves, and with what was typed. */
  get screen(): string {
    return this.#screen.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '').replaceAll('\r\n', '\n');
  }

  /** Settles when a text has appeared behind that of the last call. */
  async shows(text: string): Promise<void> {
    try {
      await until(text, () => this.screen.indexOf(text, this.#seen) >= 0);
    } catch (error) {
      throw new Error(this.screen, { cause: error });
    }
    this.#seen = this.screen.indexOf(text, this.#seen) + text.length;
  }

  type(text: string): void {
    this.#child.stdin?.write(text);
  }

  /** Waits for a question, and answers it. */
  async answer(question: string, text: string): Promise<void> {
    await this.shows(question);
    this.type(`${text}\r`);
  }
}
