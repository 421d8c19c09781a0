import { createInterface } from 'node:readline/promises';
import { DsyncdError } from '@dsyncd/core';
import type { Plan } from '@dsyncd/pairing';
import { usageError } from '../errors.ts';
import type { Terminal } from '../output/terminal.ts';

/** Speaks with the person, or with a program that reads a JSON object a line. */
export class Dialog {
  readonly isJson: boolean;
  readonly #terminal: Terminal;
  readonly #asks: boolean;

  /** @param asks - false: every question has its default answer */
  constructor(terminal: Terminal, { isJson, asks }: { readonly isJson: boolean; readonly asks: boolean }) {
    this.#terminal = terminal;
    this.isJson = isJson;
    this.#asks = asks;
  }

  /** Something happened: text for a person, an object for a program. */
  async show(event: string, text: string, fields: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.#terminal.print(this.isJson ? `${JSON.stringify({ event, ...fields })}\n` : `${text}\n`);
  }

  progress(text: string): void {
    if (!this.isJson) this.#terminal.progress(text);
  }

  /**
   * The answer to a question; `preset` when it is empty, or nobody is asked.
   * @throws {DsyncdError} when the person ends it by Ctrl+C or Ctrl+D
   */
  async ask(question: string, preset: string): Promise<string> {
    if (!this.#asks) return preset;
    const answer = await this.#question(`${question} [${preset}]: `);
    if (answer === undefined) throw refused('it was ended at a question');
    return answer === '' ? preset : answer;
  }

  /**
   * @param details - shown when the person asks for them, before the question comes again
   * @throws {DsyncdError} when the person does not say yes
   */
  async agree(question: string, details?: () => string): Promise<void> {
    if (!this.#asks) return;
    const choice = details === undefined ? 'y/N' : 'y/N, s shows the files';
    for (;;) {
      const answer = await this.#question(`${question} [${choice}]: `);
      if (/^y(es)?$/i.test(answer ?? '')) return;
      if (details === undefined || !/^s(how)?$/i.test(answer ?? ''))
        throw refused('the plan was not accepted');
      await this.#terminal.print(`${details()}\n`);
    }
  }

  /** The first line of standard input: a prompt for a person. */
  async secret(question: string): Promise<string> {
    return (await this.#question(this.#terminal.isTty ? question : '')) ?? '';
  }

  /** Undefined: there was no answer, and there will be none. */
  async #question(text: string): Promise<string | undefined> {
    const lines = createInterface({
      input: this.#terminal.stdin,
      output: text === '' ? undefined : process.stderr,
    });
    const { promise: ended, resolve } = Promise.withResolvers<undefined>();
    lines.once('close', () => resolve(undefined));
    try {
      return (await Promise.race([lines.question(text), ended]))?.trim();
    } finally {
      lines.close();
    }
  }
}

const refused = (message: string): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_REFUSED', message, { outcome: 'operator' });

/** @throws {DsyncdError} when questions would come, and there is no terminal for them */
export function checkCanAsk(
  terminal: Terminal,
  { yes, dryRun }: { readonly yes?: boolean; readonly dryRun?: boolean },
): void {
  const { stdin } = terminal;
  const isTty = 'isTTY' in stdin && stdin.isTTY === true;
  if (yes || dryRun || isTty) return;
  throw usageError(
    'nobody can agree to the plan: there is no terminal',
    'add --yes; --dry-run shows the plan',
  );
}

/**
 * The plan for a person, one line each.
 * @param services - lines about what is started, and how
 */
export function planText(plan: Plan, services: readonly string[]): string {
  const { own, peer, files, port, peerPort, notes } = plan;
  const modeOf = (mode: number): string => mode.toString(8).padStart(4, '0');
  return [
    `Plan for ${own.hostname} (mail in ${own.engine}${engineDetail(plan.own.dovecot, own.engine)}), paired with ${peer.hostname} (mail in ${peer.engine}${engineDetail(peer.dovecot, peer.engine)}):`,
    ...files.map(
      ({ path, mode, owner, group, what, replacesSample }) =>
        `  write   ${path}  (${what}; mode ${modeOf(mode)}, ${owner === 'mail' ? plan.user : 'root'}:${group === 'mail' ? plan.group : 'root'})` +
        (replacesSample === true ? '; the sample there is put aside' : ''),
    ),
    ...services.map((line) => `  ${line}`),
    `  allow   TCP port ${port} of this host for ${peer.address}, and port ${peerPort} of ${peer.address} from here`,
    ...notes.map((note) => `  note    ${note}`),
  ].join('\n');
}

const engineDetail = (dovecot: string | undefined, engine: string): string =>
  engine === 'dovecot' && dovecot !== undefined ? ` ${dovecot}` : '';

/** What is written into the files, but for secrets, and for certificates, which are made later. */
export function filesText({ files }: Plan): string {
  const shown = {
    authority: '(certificate)\n',
    certificate: '(certificate)\n',
    privateKey: '(secret)\n',
    secret: '(secret)',
  };
  return files
    .map((file) => `--- ${file.path}\n${file.mode === secretMode ? '(secret)\n' : file.text(shown)}`)
    .join('\n');
}

const secretMode = 0o600;

/** The same for a program: no contents, as they hold the secret. */
export const planJson = ({
  own,
  peer,
  folders,
  files,
  services,
  port,
  notes,
}: Plan): Record<string, unknown> => ({
  own,
  peer,
  folders: folders.map(({ path, mode, owner }) => ({ path, mode: mode.toString(8), owner })),
  files: files.map(({ path, mode, owner, group, what }) => ({
    path,
    mode: mode.toString(8),
    owner,
    group,
    what,
  })),
  services,
  port,
  notes,
});
