import type { ChannelConfig } from '@dsyncd/config';
import { type Finding, NotCheckable, problemOf, unchecked } from './finding.ts';
import type { Scene } from './scene.ts';

/** One thing that can be wrong; undefined: it cannot be with this configuration. */
export interface HostCheck {
  readonly name: string;
  run(scene: Scene): Promise<Finding | undefined>;
}

export interface ChannelCheck {
  readonly name: string;
  run(scene: Scene, channel: ChannelConfig): Promise<Finding | undefined>;
}

export interface Result extends Finding {
  readonly check: string;
  /** Missing for a check of this host alone. */
  readonly channel?: string;
}

export async function runHostCheck(check: HostCheck, scene: Scene): Promise<readonly Result[]> {
  const finding = await settled(() => check.run(scene));
  return finding === undefined ? [] : [{ check: check.name, ...finding }];
}

export async function runChannelCheck(
  check: ChannelCheck,
  scene: Scene,
  channel: ChannelConfig,
): Promise<readonly Result[]> {
  const finding = await settled(() => check.run(scene, channel));
  return finding === undefined ? [] : [{ check: check.name, channel: channel.name, ...finding }];
}

/** A check that fails is a finding as well, so that the others still run. */
async function settled(run: () => Promise<Finding | undefined>): Promise<Finding | undefined> {
  try {
    return await run();
  } catch (error) {
    return error instanceof NotCheckable ? unchecked(error.message) : problemOf(error);
  }
}
