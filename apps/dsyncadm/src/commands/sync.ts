import {
  countOf,
  DsyncdError,
  knownErrorCode,
  outcomeRules,
  parseUserName,
  type SyncCounts,
} from '@dsyncd/core';
import type { SyncResult } from '@dsyncd/engine';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addHelpParts, addJsonOption, exitCodes } from '../exit-codes.ts';
import { parseMailboxName } from '../input/arguments.ts';
import { printable } from '../output/table.ts';

interface SyncOptions {
  readonly user: string;
  readonly full?: boolean;
  readonly mailbox?: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function registerSync(parent: Command, context: CommandContext): void {
  const command = parent
    .command('sync')
    .summary('sync one user now, with any destination')
    .description(
      'Sync one user in both directions now with the built-in engine, beside the queue, and say what was ' +
        'done. Everything is compared. Secret, certificates and SSH key are those of the configuration.',
    )
    .argument('<destination>', 'as in mail_replica: tcps:HOST[:PORT], tcp:HOST[:PORT] or remote:LOGIN@HOST')
    .requiredOption('-u, --user <user>', 'whom to sync')
    .option('-f, --full', 'as in doveadm sync; it is always a full one')
    .option('-m, --mailbox <mailbox>', 'only this mailbox')
    .option('--dry-run', 'say what would change on this host, and change nothing');
  addHelpParts(addJsonOption(command), {
    examples: [
      'sync -u ann@example.com tcps:mx2.example.com',
      'sync -u ann@example.com -m INBOX --dry-run remote:vmail@mx2.example.com',
    ],
    exits: ['changed', 'noUser', 'needsPerson', 'temporary', 'permission', 'config'],
  });
  command.action((destination: string, options: SyncOptions) => syncOnce(context, destination, options));
}

async function syncOnce(context: CommandContext, destination: string, options: SyncOptions): Promise<void> {
  const result = await context.syncOnce({
    user: parseUserName(options.user),
    destination,
    mailbox: options.mailbox === undefined ? undefined : parseMailboxName(options.mailbox),
    isDryRun: options.dryRun === true,
  });
  if (result.failure !== undefined) throw failureError(result, result.failure);
  if (options.json) await context.terminal.printJson(withoutState(result));
  else await context.terminal.print(resultText(options, result));
  // A dry run sees a difference stay, as if someone had changed it meanwhile.
  const isChanged = result.outcome === 'changed' && !options.dryRun;
  context.exitWith(isChanged ? exitCodes.changed : exitCodes.ok);
}

/** The state is of use to a queue only. */
function withoutState({ state: _, ...shown }: SyncResult): object {
  return shown;
}

function failureError(
  { outcome }: SyncResult,
  { code, reason, hint }: NonNullable<SyncResult['failure']>,
): Error {
  return new DsyncdError(knownErrorCode(code, 'DSYNCD_SYNC_FAILED'), reason, {
    outcome: outcome === 'ok' || outcome === 'changed' ? 'operator' : outcome,
    hint,
  });
}

function resultText(
  { user, dryRun }: SyncOptions,
  { outcome, counts, conflicts, notes }: SyncResult,
): string {
  const done = countTexts(counts);
  const heading = dryRun
    ? 'dry run, nothing was changed; this host would have'
    : outcomeRules[outcome].meaning;
  return [
    `${user}: ${heading}`,
    `  ${done.length === 0 ? 'nothing to do' : done.join(', ')}`,
    ...conflicts.map((conflict) => `  changed on both sides: ${conflict}`),
    ...(dryRun
      ? ['  not counted: what the other host would get, and mailboxes that only it has']
      : notes.map((note) => `  ${note}`)),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}

function countTexts(counts: SyncCounts): string[] {
  const texts: (readonly [number, string])[] = [
    [counts.mailsReceived, `${countOf(counts.mailsReceived, 'mail')} received`],
    [counts.mailsSent, `${countOf(counts.mailsSent, 'mail')} sent`],
    [counts.flagsChanged, `flags of ${countOf(counts.flagsChanged, 'mail')} changed`],
    [counts.expunged, `${countOf(counts.expunged, 'mail')} expunged`],
    [counts.mailboxesChanged, `${counts.mailboxesChanged} mailbox changes`],
  ];
  return texts.filter(([count]) => count > 0).map(([, text]) => text);
}
