import { join } from 'node:path';
import type { ChannelConfig } from '@dsyncd/config';
import {
  DsyncdError,
  formatSpan,
  messageOf,
  parseDestination,
  systemRandom,
  type UserName,
} from '@dsyncd/core';
import {
  type Finding,
  NotCheckable,
  ok,
  planFar,
  problem,
  problemOf,
  type Result,
  type Scene,
  unchecked,
  warning,
} from '@dsyncd/doctor';
import type { CommandContext } from '../context.ts';
import { ReplicatorClient } from '../replicator/client.ts';
import { BuiltinHand, DoveadmSide, SyncEye } from './sides.ts';
import { type Ends, type Step, stepsOf } from './steps.ts';

export interface ProbeOptions {
  readonly user: UserName;
  /** For each step. */
  readonly timeoutMs: number;
}

export interface ProbeResult extends Result {
  /** From the change until it was seen at the other end. */
  readonly tookMs?: number;
}

const lookEveryMs = 100;

/**
 * Sends a canary through the channel: changes a mailbox of its own on this host step by step and waits for each change at the other
 * end. The mailbox is removed in the end, however far it came.
 */
export async function* probe(
  scene: Scene,
  context: CommandContext,
  channel: ChannelConfig,
  options: ProbeOptions,
): AsyncGenerator<ProbeResult> {
  const resultOf = (check: string, finding: Finding & { readonly tookMs?: number }): ProbeResult => ({
    check: `probe-${check}`,
    channel: channel.name,
    ...finding,
  });
  let ends: Ends;
  try {
    ends = await endsOf(scene, context, channel, options.user);
  } catch (error) {
    yield resultOf('start', error instanceof NotCheckable ? unchecked(error.message) : problemOf(error));
    return;
  }
  const leftHere: unknown[] = [];
  const first = `dsyncd-probe-${systemRandom.hex(4)}`;
  const renamed = `${first}-renamed`;
  try {
    for (const step of stepsOf(ends, first, renamed)) {
      const finding = await take(scene, channel, step, options);
      yield resultOf(step.name, finding);
      if (finding.severity === 'problem') break;
    }
  } finally {
    for (const name of [first, renamed])
      await ends.cleaner.remove(name).catch((error: unknown) => leftHere.push(error));
  }
  if (leftHere.length > 0)
    yield resultOf(
      'clean-up',
      problemOf(leftHere[0], `delete the mailbox ${first} of ${options.user}, if it is there`),
    );
  const left = await leftBehind(scene, ends, [first, renamed], options.timeoutMs);
  if (left !== undefined) yield resultOf('clean-up', left);
}

async function take(
  scene: Scene,
  channel: ChannelConfig,
  { name, what, where, waitMs, change, isSeen }: Step,
  { user, timeoutMs }: ProbeOptions,
): Promise<Finding & { readonly tookMs?: number }> {
  try {
    if (waitMs !== undefined) await scene.clock.sleep(waitMs, scene.signal);
    const startedAt = scene.clock.now();
    const note = await change();
    const deadline = scene.clock.now() + timeoutMs;
    if (await seenBefore(scene, deadline, isSeen)) {
      const tookMs = scene.clock.now() - startedAt;
      const text = `${what} is ${where} after ${formatSpan(tookMs)}`;
      return { ...ok(typeof note === 'string' ? `${text} (${note})` : text), tookMs };
    }
  } catch (error) {
    return problemOf(error);
  }
  const text = `${what} is not ${where} after ${formatSpan(timeoutMs)}`;
  if (name === 'back')
    return warning(
      `${text}: nothing there replicates back on its own`,
      'run doctor there; in a chain, or with a plain standby, it is meant like that',
    );
  const { reason, remedy } = await whyNotThere(scene, channel, user);
  return problem(`${text}: ${reason}`, remedy);
}

/** An end that is busy with the sync that we wait for is asked again. */
async function seenBefore(
  { clock, signal }: Scene,
  deadline: number,
  isSeen: () => Promise<boolean>,
): Promise<boolean> {
  for (;;) {
    try {
      if (await isSeen()) return true;
    } catch (error) {
      const passes =
        error instanceof DsyncdError && (error.outcome === 'busy' || error.outcome === 'transient');
      if (!passes || clock.now() > deadline) throw error;
    }
    if (clock.now() > deadline) return false;
    await clock.sleep(lookEveryMs, signal);
  }
}

/** What was removed here goes there by the channel, too; when the channel is what is broken, the Dovecot there is asked directly. */
async function leftBehind(
  scene: Scene,
  { eye, back }: Ends,
  names: readonly string[],
  timeoutMs: number,
): Promise<Finding | undefined> {
  const isGone = async (): Promise<boolean> =>
    (await Promise.all(names.map((name) => eye.look(name)))).every((sight) => sight === undefined);
  try {
    if (await seenBefore(scene, scene.clock.now() + Math.min(timeoutMs, 5_000), isGone)) return undefined;
    if (back !== undefined) {
      for (const name of names) await back.farHand.remove(name);
      return undefined;
    }
  } catch {
    // Reported below: an end that cannot be asked may have it or not.
  }
  return warning(
    `${names[0]} may be left at the other end`,
    'the next sync of the user that succeeds removes it there; it is removed here',
  );
}

export async function endsOf(
  scene: Scene,
  context: CommandContext,
  channel: ChannelConfig,
  user: UserName,
): Promise<Ends> {
  const destination = parseDestination(channel.mailReplica, { doveadmPort: channel.doveadmPort });
  const isDovecotHere = scene.config.mailEngine === 'dovecot';
  if (destination.kind !== 'tcp' && isDovecotHere)
    throw new NotCheckable('the other end cannot be inspected from here over SSH');
  const far = destination.kind === 'tcp' ? await scene.logIn(channel) : undefined;
  // Before the mail is opened: the rights to read the secret may go with that.
  const plan = await planFar(scene.config, channel);
  const near = isDovecotHere ? new DoveadmSide(await scene.localDoveadm(), user) : undefined;
  const hand = near ?? new BuiltinHand(context, user);
  const cleaner =
    near === undefined ? hand : new DoveadmSide((await scene.localDoveadm()).unstoppable(), user);
  if (far?.kind !== 'dovecot')
    return { hand, cleaner, eye: new SyncEye(scene, [plan.destination, plan.settings], user) };
  const there = new DoveadmSide(far.doveadm, user);
  return {
    hand,
    cleaner,
    eye: there,
    back: near === undefined ? undefined : { farHand: there, nearEye: near },
  };
}

interface Explanation {
  readonly reason: string;
  readonly remedy: string;
}

/** Asks dsyncd why a change has not arrived. */
export async function whyNotThere(
  { config }: Scene,
  { name: channel }: ChannelConfig,
  user: UserName,
): Promise<Explanation> {
  try {
    const client = await ReplicatorClient.connect(
      join(config.listeners.replicator.dir, 'replicator-doveadm'),
    );
    try {
      const reports = await client.everyone('*');
      const report = reports.find((each) => each.user === user && each.channel === channel);
      if (report === undefined)
        return {
          reason: 'dsyncd does not know the user',
          remedy: `see user_include, user_exclude and noreplicate; \`dsyncadm replicator add ${user}\` makes it known`,
        };
      if (report.failure !== undefined)
        return {
          reason: `the sync fails: ${report.failure.reason}`,
          remedy: report.failure.hint ?? '`dsyncadm status` says more',
        };
      if (report.requestedAt !== undefined)
        return { reason: 'it waits in the queue of dsyncd', remedy: '`dsyncadm status` says for what' };
    } finally {
      client.close();
    }
  } catch (error) {
    return {
      reason: `dsyncd does not answer (${messageOf(error)})`,
      remedy: 'start dsyncd',
    };
  }
  return {
    reason: 'dsyncd was not notified of the change',
    remedy: 'see notify-protocols and notify-places above, and the log of Dovecot or of the mail process',
  };
}
