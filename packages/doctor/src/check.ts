import type { ChannelConfig } from '@dsyncd/config';
import { DsyncdError, systemErrorHint } from '@dsyncd/core';
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

/** From good to bad; `unchecked` says why something could not be looked at. */
export const severities = ['ok', 'unchecked', 'warning', 'problem'] as const;
export type Severity = (typeof severities)[number];

/** What one check found out. */
export interface Finding {
  readonly severity: Severity;
  readonly message: string;
  /** How to mend it; there for every warning and problem. */
  readonly remedy?: string;
}

export const ok = (message: string): Finding => ({ severity: 'ok', message });
export const unchecked = (why: string): Finding => ({
  severity: 'unchecked',
  message: `not checked: ${why}`,
});
export const warning = (message: string, remedy: string): Finding => ({
  severity: 'warning',
  message,
  remedy,
});
export const problem = (message: string, remedy: string): Finding => ({
  severity: 'problem',
  message,
  remedy,
});

/** An error as a finding, with the hint that came with it. */
export function problemOf(error: unknown, remedy?: string): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const hint =
    error instanceof DsyncdError ? (error.hint ?? systemErrorHint(error.cause)) : systemErrorHint(error);
  return problem(message, remedy ?? hint ?? 'see the log of the service that is named');
}

/** What a check gives up with when something that it needs cannot be had; told as "not checked". */
export class NotCheckable extends Error {}
