import type { Command } from 'commander';
import { addHelpParts, addJsonOption } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { exitCodes } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/whole-number.ts';
import { judgeFailover } from '../monitoring/failover.ts';
import { healthJson } from '../output/health-json.ts';
import { healthText } from '../output/health-text.ts';
import { printable } from '../output/table.ts';
import { healthOf } from '../replicator/health.ts';
import {
  addReplicatorOptions,
  type ReplicatorOptions,
  replicatorExits,
  withReplicator,
} from '../replicator/options.ts';

interface Options extends ReplicatorOptions {
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
  command.action((options: Options) => checkFailover(context, options));
}

async function checkFailover(context: CommandContext, options: Options): Promise<void> {
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
