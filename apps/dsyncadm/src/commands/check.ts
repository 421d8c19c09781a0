import { DsyncdError } from '@dsyncd/core';
import type { Command } from 'commander';
import { addHelpParts } from '../command-help.ts';
import type { CommandContext } from '../context.ts';
import { parseWholeNumber } from '../input/whole-number.ts';
import {
  judgeForPlugin,
  type MetricLimits,
  type PluginAnswer,
  type PluginState,
  pluginExitCode,
} from '../monitoring/check-plugin.ts';
import { readHealth } from '../replicator/health.ts';
import { addReplicatorOptions, type ReplicatorOptions } from '../replicator/options.ts';

interface Options extends ReplicatorOptions {
  readonly lagWarning: number;
  readonly lagCritical: number;
  readonly behindWarning?: number;
  readonly behindCritical?: number;
  readonly failedWarning: number;
  readonly failedCritical?: number;
  readonly quarantinedWarning: number;
  readonly quarantinedCritical?: number;
}

export function registerCheck(parent: Command, context: CommandContext): void {
  const command = parent
    .command('check')
    .summary('a Nagios and Icinga plugin: is everything replicated')
    .description(
      'Answer as a plugin of Nagios, Icinga or Check_mk does: one line with performance data, and an exit code. ' +
        'Critical is also a dsyncd that does not answer, and a peer that is down. A limit is exceeded by a value above it.',
    )
    .option(
      '--lag-warning <seconds>',
      'age of the oldest change that is not replicated',
      parseWholeNumber,
      60,
    )
    .option('--lag-critical <seconds>', 'the same for critical', parseWholeNumber, 300)
    .option(
      '--behind-warning <users>',
      'users with something to replicate; otherwise any number',
      parseWholeNumber,
    )
    .option('--behind-critical <users>', 'the same for critical', parseWholeNumber)
    .option('--failed-warning <users>', 'users whose last sync failed', parseWholeNumber, 0)
    .option('--failed-critical <users>', 'the same for critical; otherwise never', parseWholeNumber)
    .option('--quarantined-warning <users>', 'users who need a person', parseWholeNumber, 0)
    .option('--quarantined-critical <users>', 'the same for critical; otherwise never', parseWholeNumber);
  addHelpParts(addReplicatorOptions(command), {
    examples: [
      'check',
      'check --lag-warning 30 --lag-critical 120',
      'check --channel offsite --failed-critical 10',
    ],
    ownExits: {
      1: 'WARNING',
      2: 'CRITICAL',
      3: 'UNKNOWN: the configuration cannot be read, or no answer is understood',
    },
  });
  command.action((options: Options) => check(context, options));
}

async function check(context: CommandContext, options: Options): Promise<void> {
  const answer = await answerOf(context, options);
  await context.terminal.print(`${answer.line}\n`);
  context.exitWith(pluginExitCode(answer.state));
}

async function answerOf(context: CommandContext, options: Options): Promise<PluginAnswer> {
  try {
    return judgeForPlugin(await readHealth(context, options), limitsOf(options));
  } catch (error) {
    const state = stateOfError(error);
    const text = error instanceof Error ? error.message : String(error);
    return { state, line: `DSYNCD ${state} - ${text.replaceAll(/[|\u0000-\u001f\u007f]+/g, ' ')}` };
  }
}

/** A replicator that does not answer replicates nothing; anything else says nothing about the replication. */
const stateOfError = (error: unknown): PluginState =>
  error instanceof DsyncdError && ['DSYNCD_REPLICATOR_DOWN', 'DSYNCD_REPLICATOR_LOST'].includes(error.code)
    ? 'CRITICAL'
    : 'UNKNOWN';

const limitsOf = (options: Options): MetricLimits => ({
  lag: { warning: options.lagWarning, critical: options.lagCritical },
  behind: { warning: options.behindWarning, critical: options.behindCritical },
  failed: { warning: options.failedWarning, critical: options.failedCritical },
  quarantined: { warning: options.quarantinedWarning, critical: options.quarantinedCritical },
  // Half-open warns, open is critical.
  breaker: { warning: 0, critical: 1 },
});
