import { formatSpan, obstaclesOf } from '@dsyncd/core';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addHelpParts, addJsonOption, exitCodes } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import { healthJson, healthText } from '../output/health.ts';
import { printable } from '../output/table.ts';
import { healthOf, type ReplicationHealth } from '../replication-health.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from './replicator.ts';

interface FailoverCheckOptions extends ReplicatorOptions {
  readonly rpo: number;
  readonly limit: number;
  readonly json?: boolean;
}

export function registerFailoverCheck(parent: Command, context: CommandContext): void {
  const command = parent
    .command('check')
    .summary('could the replica take over now, and what would be missing there')
    .description(
      'Say whether the replica could take over from this host now, and what would be missing there: who is ' +
        'behind, by how much, and who was never replicated. Run it on the host that is to be left.',
    )
    .option('--rpo <seconds>', 'changes younger than this may be missing', parseWholeNumber, 0)
    .option('--limit <count>', 'users to show', parseWholeNumber, 20);
  addHelpParts(addJsonOption(addReplicatorOptions(command)), {
    examples: ['failover check', 'failover check --rpo 5 --json', 'failover check --channel offsite'],
    exits: ['behind', ...replicatorExits],
  });
  command.action((options: FailoverCheckOptions) => checkFailover(context, options));
}

async function checkFailover(context: CommandContext, options: FailoverCheckOptions): Promise<void> {
  const { terminal, clock } = context;
  const health = await withReplicator(context, options, (client) => healthOf(client, clock.now, options));
  const neverSynced = health.behind.filter(({ standing }) => standing === 'never synced');
  const verdict = judgeFailover({ health, rpoMs: options.rpo * 1000 });
  if (options.json)
    await terminal.printJson({
      ready: verdict.isReady,
      missingSeconds: verdict.missingMs === undefined ? null : verdict.missingMs / 1000,
      neverSynced: neverSynced.map(({ user, channel }) => ({ username: user, channel })),
      reasons: verdict.reasons,
      ...healthJson(health),
    });
  else {
    await terminal.print(healthText(health, { now: clock.now(), usersMax: options.limit }));
    for (const reason of verdict.reasons) await terminal.print(`${printable(reason)}\n`);
    await terminal.print(
      verdict.isReady ? 'ready: the replica can take over\n' : 'NOT ready: the replica would lack mail\n',
    );
  }
  context.exitWith(verdict.isReady ? exitCodes.ok : exitCodes.behind);
}

export interface FailoverInput {
  readonly health: ReplicationHealth;
  /** Recovery point objective: changes younger than this may be missing. */
  readonly rpoMs: number;
}

export interface FailoverVerdict {
  readonly isReady: boolean;
  /** How far back changes would be missing on the replica; undefined: none would. */
  readonly missingMs: number | undefined;
  /** Why not, a line each. */
  readonly reasons: readonly string[];
}

/** Could the replica take over now? Pure. */
export function judgeFailover({ health, rpoMs }: FailoverInput): FailoverVerdict {
  const lags = [...health.channels, ...health.behind].flatMap(({ lagMs }) => lagMs ?? []);
  const missingMs = lags.length === 0 ? undefined : lags.reduce((most, lag) => Math.max(most, lag), 0);
  const reasons: string[] = [];
  if (health.channels.length === 0) reasons.push('no channel is configured: there is no replica');
  for (const { message } of health.problems) reasons.push(`this host: ${message}`);
  if (missingMs !== undefined && missingMs > rpoMs)
    reasons.push(`changes of the last ${formatSpan(missingMs)} are not on the replica`);
  for (const channel of health.channels)
    for (const text of obstaclesOf(channel, 0)) reasons.push(`channel ${channel.channel}: ${text}`);
  return { isReady: reasons.length === 0, missingMs, reasons };
}
