import { join } from 'node:path';
import type { ChannelConfig } from '@dsyncd/config';
import { countOf, DsyncdError } from '@dsyncd/core';
import {
  channelChecks,
  type Finding,
  type HostCheck,
  hostChecks,
  ok,
  problem,
  problemOf,
  type Result,
  runChannelCheck,
  runHostCheck,
  type Scene,
  warning,
} from '@dsyncd/doctor';
import type { ChannelReport } from '@dsyncd/protocol';
import type { CommandContext } from '../context.ts';
import { ReplicatorClient } from '../replicator/client.ts';
import { type ProbeOptions, probe } from './probe.ts';

export interface ExamineOptions {
  readonly channels: readonly ChannelConfig[];
  /** Missing: nothing is changed. */
  readonly probe: ProbeOptions | undefined;
}

/** Runs the checks one after the other, and reports each result as it comes. */
export async function* examine(
  scene: Scene,
  context: CommandContext,
  { channels, probe: wanted }: ExamineOptions,
): AsyncGenerator<Result> {
  for (const check of [dsyncdRuns, ...hostChecks]) yield* await runHostCheck(check, scene);
  for (const channel of channels)
    for (const check of channelChecks) yield* await runChannelCheck(check, scene, channel);
  if (wanted === undefined) return;
  // All that needs more rights than those of the mail user is done: the probe may give them up.
  for (const channel of channels) yield* probe(scene, context, channel, wanted);
}

export const dsyncdRuns: HostCheck = {
  name: 'dsyncd',
  async run({ config }) {
    const path = join(config.listeners.replicator.dir, 'replicator-doveadm');
    try {
      return judge(
        await configuredChannels(path),
        config.channels.map(({ name }) => name),
        path,
      );
    } catch (error) {
      if (error instanceof DsyncdError && error.code === 'DSYNCD_NOT_POSSIBLE')
        return problem(
          `${path} belongs to another replicator than dsyncd`,
          "switch Dovecot's own off (mode = 0 for the sockets of service replicator and aggregator), then restart dsyncd",
        );
      const down = 'start dsyncd (`systemctl start dsyncd`); its log says why when it does not stay up';
      const isDown = error instanceof DsyncdError && error.code === 'DSYNCD_REPLICATOR_DOWN';
      return problemOf(error, isDown ? down : undefined);
    }
  },
};

async function configuredChannels(path: string): Promise<readonly ChannelReport[]> {
  const client = await ReplicatorClient.connect(path);
  try {
    return await client.channels();
  } finally {
    client.close();
  }
}

function judge(reports: readonly ChannelReport[], configured: readonly string[], path: string): Finding {
  const running = reports.map(({ channel }) => channel);
  if (running.toSorted().join() !== configured.toSorted().join())
    return warning(
      `it runs with the channels ${running.join(', ') || 'none'}, configured are ${configured.join(', ') || 'none'}`,
      'reload it: `systemctl reload dsyncd`',
    );
  if (configured.length === 0)
    return problem(
      'no channel is configured: nothing is replicated',
      'add [channels.default] with mail_replica',
    );
  const held = reports.find(({ breaker }) => breaker.state === 'open');
  if (held !== undefined)
    return warning(
      `it holds back channel ${held.channel}: ${held.breaker.lastReason ?? 'the peer does not answer'}`,
      'fix what is shown for the peer below; dsyncd then goes on by itself',
    );
  const users = Math.max(...reports.map((report) => report.users));
  return ok(`answers at ${path} and knows ${countOf(users, 'user')}`);
}
