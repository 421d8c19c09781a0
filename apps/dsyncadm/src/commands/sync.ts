import { parseReplica, type Replica } from '@dsyncd/config';
import { DsyncdError, outcomeRules, parseUserName } from '@dsyncd/core';
import type { SyncCounts, SyncResult } from '@dsyncd/engine';
import type { Command } from 'commander';
import { addHelpParts, addJsonOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { usageError } from '../errors.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseMailboxName } from '../input/mailbox-name.ts';
import { countOf } from '../output/counts.ts';
import { printable } from '../output/table.ts';

interface Options {
  readonly user: string;
  readonly full?: boolean;
  readonly oneWay?: boolean;
  readonly mailbox?: readonly string[];
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function registerSync(parent: Command, context: CommandContext): void {
  const command = parent
    .command('sync')
    .summary('sync one user now, with any destination')
    .description(
      'Sync one user now with the built-in engine, beside the queue, and say what was done. The secrets and ' +
        'keys are those of the configuration.',
    )
    .argument('<destination>', 'as in mail_replica: tcps:HOST[:PORT], tcp:HOST[:PORT] or remote:LOGIN@HOST')
    .requiredOption('-u, --user <user>', 'whom to sync')
    .option('-f, --full', 'look at everything')
    .option('-1, --one-way', 'only from here to the destination; nothing is deleted there')
    .option('-m, --mailbox <mailbox>', 'only this mailbox; may be repeated', addMailbox)
    .option('--dry-run', 'say what would be done and change nothing');
  addHelpParts(addJsonOption(command), {
    examples: [
      'sync -u ann@example.com tcps:mx2.example.com',
      'sync -u ann@example.com -m INBOX -m Work --dry-run remote:vmail@mx2.example.com',
    ],
    exits: ['changed', 'noUser', 'needsPerson', 'temporary', 'permission', 'config'],
  });
  command.action((destination: string, options: Options) => syncOnce(context, destination, options));
}

async function syncOnce(context: CommandContext, destination: string, options: Options): Promise<void> {
  const result = await context.syncOnce({
    user: parseUserName(options.user),
    destination: parseDestination(destination),
    full: options.full === true,
    oneWay: options.oneWay === true,
    mailboxes: (options.mailbox ?? []).map(parseMailboxName),
    dryRun: options.dryRun === true,
  });
  if (result.failure !== undefined) throw failureError(result, result.failure);
  if (options.json) await context.terminal.printJson(result);
  else await context.terminal.print(resultText(options, result));
  context.exitWith(result.outcome === 'changed' ? exitCodes.changed : exitCodes.ok);
}

function parseDestination(text: string): Replica {
  const replica = parseReplica(text);
  if (!('problem' in replica)) return replica;
  throw usageError(`${JSON.stringify(text.slice(0, 80))} is no destination`, replica.problem);
}

function failureError(
  { outcome }: SyncResult,
  { code, reason, hint }: NonNullable<SyncResult['failure']>,
): Error {
  return new DsyncdError(code, reason, {
    outcome: outcome === 'ok' || outcome === 'changed' ? 'operator' : outcome,
    ...(hint === undefined ? {} : { hint }),
  });
}

function resultText({ user, dryRun }: Options, { outcome, counts, conflicts }: SyncResult): string {
  const done = countTexts(counts);
  const heading = dryRun ? 'dry run, nothing was changed' : outcomeRules[outcome].meaning;
  return [
    `${user}: ${heading}`,
    `  ${done.length === 0 ? 'nothing to do' : done.join(', ')}`,
    ...conflicts.map((conflict) => `  changed on both sides: ${conflict}`),
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

const addMailbox = (name: string, names: readonly string[] = []): readonly string[] => [...names, name];
