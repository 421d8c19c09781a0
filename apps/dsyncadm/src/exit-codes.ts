import { DsyncdError, type FailureKind, findError, InvariantError } from '@dsyncd/core';
import type { Command } from 'commander';

/** Exit codes as of sysexits.h, used as doveadm uses them; the help of each command names its own. */
export const exitCodes = {
  ok: 0,
  behind: 1,
  changed: 2,
  usage: 64,
  notPossible: 65,
  noUser: 67,
  noMailbox: 68,
  needsPerson: 69,
  defect: 70,
  damaged: 74,
  temporary: 75,
  protocol: 76,
  permission: 77,
  config: 78,
} as const;

export type ExitName = keyof typeof exitCodes;

/** One line each, for the help. */
export const exitMeanings: Readonly<Record<ExitName, string>> = {
  ok: 'done',
  behind: 'not everything is replicated',
  changed: 'done, but a mailbox changed meanwhile: sync again',
  usage: 'the command line is wrong',
  notPossible: 'cannot be done, however often it is tried',
  noUser: 'no such user',
  noMailbox: 'no such mailbox or mail',
  needsPerson: 'needs a person: see the hint',
  defect: 'a defect of dsyncd',
  damaged: 'mail or its index is damaged',
  temporary: 'failed for now: try again',
  protocol: 'the other end speaks another protocol',
  permission: 'permission denied',
  config: 'the configuration is wrong',
};

const byOutcome: Readonly<Record<FailureKind, number>> = {
  busy: exitCodes.temporary,
  transient: exitCodes.temporary,
  operator: exitCodes.needsPerson,
  nouser: exitCodes.noUser,
  noreplicate: exitCodes.notPossible,
};

export const exitCodeOfOutcome = (outcome: FailureKind): number => byOutcome[outcome];

/** The exit code that a command which died of this error ends with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof InvariantError) return exitCodes.defect;
  if (isPermission(error)) return exitCodes.permission;
  if (!(error instanceof DsyncdError)) return isSystemError(error) ? exitCodes.temporary : exitCodes.defect;
  return findError(error.code)?.exit ?? exitCodeOfOutcome(error.outcome);
}

/** EACCES and EPERM anywhere in the chain of causes. */
function isPermission(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    if ('code' in cause && (cause.code === 'EACCES' || cause.code === 'EPERM')) return true;
  }
  return false;
}

/** ENOENT and the like: what the operating system can answer, as against a defect of ours. */
const isSystemError = (error: unknown): boolean => error instanceof Error && 'syscall' in error;

export interface HelpParts {
  /** Command lines without the leading `dsyncadm`. */
  readonly examples: readonly string[];
  /** The exit codes beside 0 and 64 that callers of this command should tell apart. */
  readonly exits?: readonly ExitName[];
  /** Codes that mean something else here than elsewhere. */
  readonly ownExits?: Readonly<Record<number, string>>;
}

/** Adds examples and exit codes below the help of a command. */
export function addHelpParts(command: Command, { examples, exits = [], ownExits = {} }: HelpParts): Command {
  const exitLines = (['ok', ...exits, 'usage'] as const)
    .map((name): [number, string] => [exitCodes[name], exitMeanings[name]])
    .concat(Object.entries(ownExits).map(([code, meaning]) => [Number(code), meaning]))
    .sort(([a], [b]) => a - b)
    .map(([code, meaning]) => `  ${String(code).padStart(2)}  ${meaning}`);
  const exampleLines = examples.map((example) => `  dsyncadm ${example}`);
  return command.addHelpText(
    'after',
    ['', 'Examples:', ...exampleLines, '', 'Exit codes:', ...exitLines].join('\n'),
  );
}

/** What every command that opens a user's mail can end with. */
export const mailExits = ['noUser', 'noMailbox', 'temporary', 'permission', 'config'] as const;

export const addUserOption = (command: Command): Command =>
  command.requiredOption('-u, --user <user>', 'whose mail');

export const addMailboxOption = (command: Command): Command =>
  command.option('-m, --mailbox <mailbox>', 'mailbox, with "/" between its levels', 'INBOX');

export const addJsonOption = (command: Command): Command => command.option('--json', 'print JSON');
