import { DsyncdError, findError, InvariantError, messageOf, systemErrorHint } from '@dsyncd/core';
import type { Command, CommanderError } from 'commander';

/** A wrong command line: exit code 64. */
export const usageError = (message: string, hint: string): DsyncdError =>
  new DsyncdError('DSYNCD_USAGE', message, { outcome: 'operator', hint });

/** Something that the store cannot do, however often it is tried: exit code 65. */
export const notPossible = (message: string, hint: string): DsyncdError =>
  new DsyncdError('DSYNCD_NOT_POSSIBLE', message, { outcome: 'noreplicate', hint });

export const noMailbox = (user: string, mailbox: string): DsyncdError =>
  new DsyncdError('DSYNCD_STORE_NO_MAILBOX', `user ${user} has no mailbox ${JSON.stringify(mailbox)}`, {
    outcome: 'operator',
    hint: `\`dsyncadm mailbox list -u ${user}\` shows those that exist`,
  });

export const noUsers = (mask: string): DsyncdError =>
  new DsyncdError('DSYNCD_NO_USERS', `no user matches ${JSON.stringify(mask)}`, {
    outcome: 'nouser',
    hint: 'a mask takes whole names: * is any text, ? one character',
  });

/**
 * What the user reads on stderr: what failed, what to do where that is known, and where the error is explained; one line each.
 * @param showStack - to debug dsyncd itself
 */
export function errorText(error: unknown, showStack: boolean): string {
  const lines = messagesOf(error).map((message) => `dsyncadm: ${oneLine(message)}`);
  const hint = hintOf(error);
  if (hint !== undefined) lines.push(`  ${oneLine(hint)}`);
  if (error instanceof DsyncdError && findError(error.code) !== undefined)
    lines.push(`  more: deploy/errors.md#${error.code}`);
  if (showStack && error instanceof Error) lines.push(stackWithCauses(error));
  return `${lines.join('\n')}\n`;
}

/** A configuration has all its problems in one message, one line each. */
const messagesOf = (error: unknown): readonly string[] =>
  error instanceof DsyncdError && error.code === 'DSYNCD_CONFIG'
    ? error.message.split('\n')
    : [messageOf(error)];

function hintOf(error: unknown): string | undefined {
  if (error instanceof DsyncdError) return error.hint ?? systemErrorHint(error.cause);
  const systemHint = systemErrorHint(error);
  if (systemHint !== undefined) return systemHint;
  if (error instanceof InvariantError || isProgrammingError(error))
    return 'a defect of dsyncd: run it again with DSYNCD_DEBUG=1 and report what that shows';
  return undefined;
}

const isProgrammingError = (error: unknown): boolean =>
  error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError;

/** Control characters from a peer or a file name must not reach the terminal. */
const oneLine = (text: string): string => text.replace(/[\u0000-\u001f\u007f]+/g, ' ');

function stackWithCauses(error: Error): string {
  const stacks: string[] = [];
  for (
    let cause: unknown = error, depth = 0;
    cause instanceof Error && depth < 8;
    cause = cause.cause, depth++
  )
    stacks.push(cause.stack ?? String(cause));
  return stacks.join('\ncaused by ');
}

/** What commander says about a wrong command line, in our words: exit code 64, and a hint with the right help. */
export function commandLineError(error: CommanderError, program: Command, args: readonly string[]): Error {
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split('\n');
  const help = `\`${[...commandPath(program, args), '--help'].join(' ')}\` shows how it is used`;
  return usageError(
    message,
    suggestion === undefined ? help : `${suggestion.replace(/^\(|\)$/g, '')} ${help}`,
  );
}

/** The names of the command that the arguments start, as far as they name one. */
function commandPath(program: Command, args: readonly string[]): readonly string[] {
  const names = [program.name()];
  let command = program;
  for (const arg of args) {
    const next = command.commands.find((candidate) => candidate.name() === arg);
    if (next === undefined) continue;
    names.push(next.name());
    command = next;
  }
  return names;
}
