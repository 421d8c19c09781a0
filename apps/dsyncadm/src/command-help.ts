import type { Command } from 'commander';
import { type ExitName, exitCodes, exitMeanings } from './exit-codes.ts';

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
