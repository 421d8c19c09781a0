import type { ChannelConfig } from '@dsyncd/config';
import {
  channelChecks,
  hostChecks,
  type Result,
  runChannelCheck,
  runHostCheck,
  type Scene,
} from '@dsyncd/doctor';
import type { CommandContext } from '../context.ts';
import { dsyncdRuns } from './dsyncd-runs.ts';
import { type ProbeOptions, probe } from './probe/probe.ts';

export interface ExamineOptions {
  readonly channels: readonly ChannelConfig[];
  /** Missing: nothing is changed. */
  readonly probe: ProbeOptions | undefined;
}

/** Runs every check, one after the other, and tells each result as it comes. */
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
