import { countOf, DsyncdError, messageOf, obstaclesOf, type StandingCounts } from '@dsyncd/core';
import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { addHelpParts } from '../exit-codes.ts';
import { parseWholeNumber } from '../input/arguments.ts';
import {
  type ChannelHealth,
  type ReplicationHealth,
  readHealth,
  type UserHealth,
} from '../replication-health.ts';
import { addReplicatorOptions, type ReplicatorOptions } from './replicator.ts';

interface CheckOptions extends ReplicatorOptions {
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
  command.action((options: CheckOptions) => check(context, options));
}

async function check(context: CommandContext, options: CheckOptions): Promise<void> {
  const answer = await answerOf(context, options);
  await context.terminal.print(`${answer.line}\n`);
  context.exitWith(pluginExitCode(answer.state));
}

async function answerOf(context: CommandContext, options: CheckOptions): Promise<PluginAnswer> {
  try {
    return judgeForPlugin(await readHealth(context, options), limitsOf(options));
  } catch (error) {
    const state = stateOfError(error);
    const text = messageOf(error);
    return { state, line: `DSYNCD ${state} - ${text.replaceAll(/[|\u0000-\u001f\u007f]+/g, ' ')}` };
  }
}

/** A replicator that does not answer replicates nothing; anything else says nothing about the replication. */
const stateOfError = (error: unknown): PluginState =>
  error instanceof DsyncdError && ['DSYNCD_REPLICATOR_DOWN', 'DSYNCD_REPLICATOR_LOST'].includes(error.code)
    ? 'CRITICAL'
    : 'UNKNOWN';

const limitsOf = (options: CheckOptions): MetricLimits => ({
  lag: { warning: options.lagWarning, critical: options.lagCritical },
  behind: { warning: options.behindWarning, critical: options.behindCritical },
  failed: { warning: options.failedWarning, critical: options.failedCritical },
  quarantined: { warning: options.quarantinedWarning, critical: options.quarantinedCritical },
  // Half-open warns, open is critical.
  breaker: { warning: 0, critical: 1 },
});

/** Exit codes and words of Nagios and Icinga plugins. */
export const pluginStates = ['OK', 'WARNING', 'CRITICAL', 'UNKNOWN'] as const;
export type PluginState = (typeof pluginStates)[number];

export const pluginExitCode = (state: PluginState): number => pluginStates.indexOf(state);

/** A value above a limit raises the state; undefined: never. */
export interface Limits {
  readonly warning: number | undefined;
  readonly critical: number | undefined;
}

export const metricNames = ['lag', 'behind', 'failed', 'quarantined', 'breaker'] as const;
export type MetricName = (typeof metricNames)[number];
export type MetricLimits = Readonly<Record<MetricName, Limits>>;

/** 0 closed, 1 half-open, 2 open. */
const breakerStates = ['closed', 'half-open', 'open'] as const;

export interface PluginAnswer {
  readonly state: PluginState;
  /** One line: what to read, `|`, performance data. */
  readonly line: string;
}

type Metrics = Readonly<Record<MetricName, number>>;

/** Judges the replication for a monitoring system. Pure. */
export function judgeForPlugin(health: ReplicationHealth, limits: MetricLimits): PluginAnswer {
  const { channels } = health;
  if (channels.length === 0)
    return { state: 'CRITICAL', line: 'DSYNCD CRITICAL - no channel is configured: nothing is replicated' };
  const problems: { readonly state: PluginState; readonly text: string }[] = [];
  for (const { message } of health.problems)
    problems.push({ state: 'CRITICAL', text: `this host: ${message}` });
  for (const { name, failure } of health.consumers)
    if (failure !== undefined)
      problems.push({ state: 'WARNING', text: `consumer ${name} fails: ${failure.reason}` });
  for (const channel of channels) {
    const metrics = metricsOf(channel, health);
    for (const name of metricNames) {
      const state = stateOf(metrics[name], limits[name]);
      if (state !== 'OK') problems.push({ state, text: problemText(name, metrics[name], channel, health) });
    }
    for (const text of obstaclesOf({ ...channel, standings: withoutMeasured(channel.standings) }, 0))
      if (channel.breaker.state === 'closed')
        problems.push({ state: 'WARNING', text: `${channel.channel}: ${text}` });
  }
  const state = worstOf(problems.map((problem) => problem.state));
  const users = Math.max(...channels.map((channel) => channel.users));
  const text =
    problems.length === 0
      ? `${channels.map(({ channel }) => channel).join(', ')}: ${countOf(users, 'user')}, nothing overdue`
      : problems
          .sort((a, b) => pluginExitCode(b.state) - pluginExitCode(a.state))
          .map((problem) => problem.text)
          .join('; ');
  return { state, line: `DSYNCD ${state} - ${clean(text)} | ${perfdata(health, limits)}` };
}

/** Those that have limits of their own are judged by these. */
const withoutMeasured = (counts: StandingCounts): StandingCounts => ({
  ...counts,
  failing: 0,
  quarantined: 0,
});

function metricsOf(channel: ChannelHealth, health: ReplicationHealth): Metrics {
  return {
    lag: Math.round((channel.lagMs ?? 0) / 1000),
    behind: channel.behindCount,
    failed: health.behind.filter(
      (user) => user.channel === channel.channel && user.failed && !user.quarantined,
    ).length,
    quarantined: channel.quarantined,
    breaker: breakerStates.indexOf(channel.breaker.state),
  };
}

const stateOf = (value: number, { warning, critical }: Limits): PluginState => {
  if (critical !== undefined && value > critical) return 'CRITICAL';
  return warning !== undefined && value > warning ? 'WARNING' : 'OK';
};

const worstOf = (states: readonly PluginState[]): PluginState =>
  states.reduce<PluginState>(
    (worst, state) => (pluginExitCode(state) > pluginExitCode(worst) ? state : worst),
    'OK',
  );

type ProblemText = (value: number, channel: ChannelHealth, health: ReplicationHealth) => string;

const problemTexts: Readonly<Record<MetricName, ProblemText>> = {
  lag: (value) => `oldest change waits for ${value} s`,
  behind: (value) => `${countOf(value, 'user')} behind`,
  failed: (value, channel, health) =>
    `${countOf(value, 'user')} failing${example(health, channel, ({ failed, quarantined }) => failed && !quarantined)}`,
  quarantined: (value, channel, health) =>
    `${countOf(value, 'user')} quarantined${example(health, channel, ({ quarantined }) => quarantined)}`,
  breaker: (_, { replica, breaker }) =>
    `peer ${replica} down${breaker.lastReason === undefined ? '' : `: ${breaker.lastReason}`}`,
};

/** A line of a monitoring system has room for one of them. */
function example(
  { behind }: ReplicationHealth,
  { channel }: ChannelHealth,
  isOne: (user: UserHealth) => boolean,
): string {
  const user = behind.find((each) => each.channel === channel && isOne(each));
  return user === undefined ? '' : ` (${user.user}: ${user.why})`;
}

const problemText = (
  name: MetricName,
  value: number,
  channel: ChannelHealth,
  health: ReplicationHealth,
): string => `${channel.channel}: ${problemTexts[name](value, channel, health)}`;

/** `|` parts text from data, and a line end would end the answer. */
const clean = (text: string): string => text.replaceAll('|', '/').replaceAll(/[\u0000-\u001f\u007f]+/g, ' ');

/** One channel: bare labels. Several: `CHANNEL.label`, which graphs can tell apart. */
function perfdata(health: ReplicationHealth, limits: MetricLimits): string {
  const { channels } = health;
  return channels
    .flatMap((channel) => {
      const metrics = metricsOf(channel, health);
      const prefix = channels.length === 1 ? '' : `${channel.channel}.`;
      const item = (name: MetricName): string => {
        const { warning, critical } = limits[name];
        return `${prefix}${name}=${metrics[name]}${name === 'lag' ? 's' : ''};${warning ?? ''};${critical ?? ''};0`;
      };
      return [
        ...metricNames.map(item),
        `${prefix}users=${channel.users};;;0`,
        `${prefix}running=${channel.running};;;0`,
      ];
    })
    .join(' ');
}
