/**
 * The lines of Dovecot's doveadm-server protocol that come before a dsync stream, both sides.
 *
 * The client speaks first: `VERSION`, then the server's greeting (`-` authenticate, `+` no need to),
 * `PLAIN`, `+`, a command, its answer; after the answer `+` both sides speak dsync at once. A server
 * that sends no `VERSION` line is of minor version 0: nothing is framed.
 */

import { DsyncdError, type FailureKind, quote, type UserName } from '@dsyncd/core';
import { joinTabs, splitTabs, tabEscape } from '../lines.ts';

/** Who a doveadm client says it is. There is one secret a host, so the name says nothing. */
export const doveadmLogin = 'doveadm';

const versionMajor = 1;

/** Asks for the unframed protocol. */
export const doveadmClientVersion = `VERSION\tdoveadm-server\t${versionMajor}\t0\n`;

export const doveadmGreeting = { authenticate: '-', welcome: '+' } as const;

/** The line without which a client gets no further; undefined when the version fits. */
export function doveadmVersionProblem(line: string): string | undefined {
  const [word, protocol, major, minor] = splitTabs(line);
  if (word !== 'VERSION' || protocol !== 'doveadm-server')
    return `sent ${quote(line)} instead of its version`;
  if (!isNumber(major) || !isNumber(minor)) return `sent a broken version line: ${quote(line)}`;
  if (Number(major) !== versionMajor)
    return `speaks version ${major} of the doveadm-server protocol, we speak ${versionMajor}`;
  return undefined;
}

const isNumber = (text: string | undefined): boolean => text !== undefined && /^\d{1,9}$/.test(text);

/** Holds the secret: never logged. */
export const encodePlainLogin = (secret: string): string =>
  `PLAIN\t${Buffer.from(`\0${doveadmLogin}\0${secret}`, 'utf8').toString('base64')}\n`;

/** The secret of a `PLAIN` line; undefined when it is not such a line or not for the login `doveadm`. */
export function parsePlainLogin(line: string): Buffer | undefined {
  const encoded = /^PLAIN\t([A-Za-z0-9+/]+={0,2})$/.exec(line)?.[1];
  if (encoded === undefined) return undefined;
  const decoded = Buffer.from(encoded, 'base64');
  const prefix = Buffer.from(`\0${doveadmLogin}\0`);
  return decoded.subarray(0, prefix.length).equals(prefix) ? decoded.subarray(prefix.length) : undefined;
}

export const encodeDsyncServerCommand = (user: UserName): string =>
  `\t${tabEscape(user)}\t${joinTabs(['dsync-server', `-u${user}`])}\n`;

/** The user whom a command line asks to sync, unchecked; or what is wrong with the command. */
export type DsyncServerCommand =
  | { readonly user: string; readonly problem?: undefined }
  | { readonly user?: undefined; readonly problem: string };

export function parseDsyncServerCommand(line: string): DsyncServerCommand {
  const [flags, user, command, ...args] = splitTabs(line);
  if (flags === undefined || user === undefined || command === undefined)
    return { problem: `not a command: ${quote(line)}` };
  if (!/^[Dv]*$/.test(flags)) return { problem: `unknown flags ${quote(flags)}` };
  if (command !== 'dsync-server')
    return { problem: `only dsync-server is served here, not ${quote(command)}` };
  const options = parseOptions(args);
  if (options.problem !== undefined) return options;
  const asked = options.user ?? user;
  if (asked === '') return { problem: 'no user given' };
  if (user !== '' && user !== asked) return { problem: `two users: ${quote(user)} and ${quote(asked)}` };
  return { user: asked };
}

/**
 * `-u USER`; `-U` (automatic sync) and `-E` need nothing of us, `-T SECONDS` is the client's own limit.
 * `-r FILE` would let a peer write a file here and is refused, as is all else.
 */
function parseOptions(args: readonly string[]): { user?: string; problem?: undefined } | { problem: string } {
  let user: string | undefined;
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? '';
    const option = arg.slice(0, 2);
    if (arg === '-U' || arg === '-E') continue;
    if (option !== '-u' && option !== '-T') return { problem: `unknown argument ${quote(arg)}` };
    const value = arg.length > 2 ? arg.slice(2) : args[++index];
    if (value === undefined) return { problem: `${option} without a value` };
    if (option === '-u') user = value;
  }
  return user === undefined ? {} : { user };
}

/** What a sync of the user can be refused as; undefined: accepted. */
export interface CommandRefusal {
  readonly outcome: FailureKind;
  /** One line for the operator of the other side. */
  readonly reason: string;
}

export const commandAccepted = '\n+\n';

/**
 * The first word is Dovecot's for what it has a word for. Real doveadm takes any other word for a
 * temporary failure and prints the whole line, so a reason may follow where the word is not compared.
 */
const refusalWords: Readonly<Record<FailureKind, { readonly word: string; readonly takesReason: boolean }>> =
  {
    nouser: { word: 'NOUSER', takesReason: false },
    noreplicate: { word: 'NOREPLICATE', takesReason: false },
    busy: { word: 'BUSY', takesReason: true },
    transient: { word: 'TEMPFAIL', takesReason: true },
    operator: { word: 'OPERATOR', takesReason: true },
  };

const reasonCharactersMax = 500;

export const encodeCommandRefusal = (refusal: CommandRefusal): string =>
  `\n${encodeGreetingRefusal(refusal)}`;

/** Stands where the greeting would: real doveadm prints it as an invalid handshake. */
export function encodeGreetingRefusal({ outcome, reason }: CommandRefusal): string {
  const { word, takesReason } = refusalWords[outcome];
  const text = reason.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ').slice(0, reasonCharactersMax);
  return `-${word}${takesReason && text !== '' ? ` ${text}` : ''}\n`;
}

const outcomeOfWord = new Map<string, FailureKind>([
  ...Object.entries(refusalWords).map(([outcome, { word }]): [string, FailureKind] => [
    word,
    outcome as FailureKind,
  ]),
  ['USAGE', 'operator'],
  ['NOPERM', 'operator'],
  ['PROTOCOL', 'operator'],
  ['DATAERR', 'operator'],
]);

/**
 * Reads the answer to a command, the line that follows the (empty) line of output; or a refused greeting.
 * @returns undefined when the command was accepted.
 * @throws {DsyncdError} `DSYNCD_DOVEADM_ANSWER` (transient) when the line is no answer.
 */
export function parseCommandAnswer(line: string): CommandRefusal | undefined {
  if (line === '+') return undefined;
  if (!line.startsWith('-'))
    throw new DsyncdError('DSYNCD_DOVEADM_ANSWER', `${quote(line)} is no answer to a command`, {
      outcome: 'transient',
    });
  const text = line.slice(1);
  const blank = text.indexOf(' ');
  const word = blank < 0 ? text : text.slice(0, blank);
  return {
    outcome: outcomeOfWord.get(word) ?? 'transient',
    reason: blank < 0 ? word : text.slice(blank + 1, blank + 1 + reasonCharactersMax),
  };
}
