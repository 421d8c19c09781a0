import type { Clock, UserName } from '@dsyncd/core';
import { DsyncdError } from '@dsyncd/core';
import { type DoveadmServerAddress, runDoveadmCommand } from '@dsyncd/engine';
import { dovecotProbe, joinTabs } from '@dsyncd/protocol';

const loginTimeoutMs = 10_000;
const answerTimeoutMs = 60_000;

export interface DoveadmAsk {
  /** Words of the command: `['mailbox list', '-u', 'ann']`. */
  readonly words: readonly string[];
  /** Whose mail; missing for a command that is not about one user. */
  readonly user?: UserName;
  /** The mail for `save`, lines with LF or CRLF. */
  readonly mail?: string;
}

export interface DoveadmTold {
  /** All values of all rows, one after the other: the protocol does not part the rows. */
  readonly fields: readonly string[];
  /** 2 for a Dovecot 2.3, 3 for 2.4, 0 for a dsyncd. */
  readonly serverMinor: number;
}

/** Gives commands to a doveadm service, here or on the other host. */
export class Doveadm {
  readonly #address: DoveadmServerAddress;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor(address: DoveadmServerAddress, clock: Clock, signal: AbortSignal) {
    this.#address = address;
    this.#clock = clock;
    this.#signal = signal;
  }

  get name(): string {
    return this.#address.destination.name;
  }

  get address(): DoveadmServerAddress {
    return this.#address;
  }

  /** The same service for what must be done even after the user wants to stop; it has limits of its own. */
  unstoppable(): Doveadm {
    return new Doveadm(this.#address, this.#clock, new AbortController().signal);
  }

  /**
   * @throws {DsyncdError} `DSYNCD_DOVEADM_REFUSED` (operator) when the command fails there, otherwise why there is no answer.
   */
  async ask({ words, user = '' as UserName, mail }: DoveadmAsk): Promise<DoveadmTold> {
    const { answer, log, serverMinor } = await runDoveadmCommand(
      this.#address,
      `${joinTabs(['', user, ...words])}\n`,
      {
        signal: this.#signal,
        clock: this.#clock,
        loginTimeoutMs,
        answerTimeoutMs,
        input: mail === undefined ? undefined : dotted(mail),
      },
    );
    if (answer?.word === '+') return { fields: withoutLast(answer.output), serverMinor };
    const reason = log.find(({ severity }) => severity === 'error')?.text ?? answer?.word ?? 'no answer';
    throw new DsyncdError('DSYNCD_DOVEADM_REFUSED', `doveadm ${words[0]} at ${this.name} failed: ${reason}`, {
      outcome: 'operator',
      hint: 'see the log of that Dovecot; doveadm_allowed_commands must be empty',
    });
  }

  /** Which protocol it speaks, found out by a command that every Dovecot knows and a dsyncd refuses. */
  async serverMinor(): Promise<number> {
    const { serverMinor } = await runDoveadmCommand(this.#address, `${dovecotProbe}\n`, {
      signal: this.#signal,
      clock: this.#clock,
      loginTimeoutMs,
      answerTimeoutMs,
    });
    return serverMinor;
  }
}

/** Every value ends with a tab, the last one too. */
const withoutLast = (fields: readonly string[]): readonly string[] =>
  fields.at(-1) === '' ? fields.slice(0, -1) : fields;

/** As SMTP sends a mail: CRLF, dots doubled at the start of a line, a dot to end it. */
const dotted = (mail: string): string =>
  `${mail
    .replace(/\r?\n$/, '')
    .replaceAll(/\r?\n/g, '\r\n')
    .replaceAll(/^\./gm, '..')}\r\n.\r\n`;
