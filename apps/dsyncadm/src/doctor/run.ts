import type { ChannelConfig } from '@dsyncd/config';
import { type Result, runChannelCheck, runHostCheck } from './check.ts';
import { channelChecks, hostChecks } from './checks/index.ts';
import type { Scene } from './scene.ts';

/** Runs every check, one after the other, and tells each result as it comes. */
export async function* examine(scene: Scene, channels: readonly ChannelConfig[]): AsyncGenerator<Result> {
  for (const check of hostChecks) yield* await runHostCheck(check, scene);
  for (const channel of channels)
    for (const check of channelChecks) yield* await runChannelCheck(check, scene, channel);
}
