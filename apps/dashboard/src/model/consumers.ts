import { counted, durationText, relativeText, secondsSince } from './ages.ts';
import type { Consumer } from './answers.ts';
import type { Level } from './verdict.ts';

export interface ConsumerText {
  readonly level: Level;
  /** One or two words. */
  readonly state: string;
  /** What it does not have yet. */
  readonly backlog: string;
  /** What happens next; empty when nothing is to happen. */
  readonly next: string;
}

/** How a consumer of the change feed is doing, in words. @param now - Unix ms of the server's clock */
export function consumerText(consumer: Consumer, now: number): ConsumerText {
  return { ...stateOf(consumer), backlog: backlogOf(consumer, now), next: nextOf(consumer, now) };
}

function stateOf({ state, startsOver, usersBehind = 0 }: Consumer): Pick<ConsumerText, 'level' | 'state'> {
  if (state === 'failing') return { level: 'late', state: 'failing' };
  if (startsOver) return { level: 'busy', state: 'starts over' };
  if (state === 'running') return { level: 'busy', state: 'running' };
  return usersBehind === 0
    ? { level: 'good', state: 'has everything' }
    : { level: 'busy', state: 'gathering' };
}

function backlogOf({ startsOver, usersBehind = 0, behindSince }: Consumer, now: number): string {
  if (startsOver) return 'is being given all users';
  if (usersBehind === 0) return 'nothing';
  const age = secondsSince(behindSince, now);
  return `${counted(usersBehind, 'user')}${age === undefined ? '' : ` for ${durationText(age)}`}`;
}

function nextOf({ state, runningSince, nextTryAt }: Consumer, now: number): string {
  if (state === 'failing')
    return nextTryAt === undefined || Date.parse(nextTryAt) <= now
      ? 'tries again now'
      : `tries again ${relativeText(nextTryAt, now)}`;
  const age = secondsSince(runningSince, now);
  return age === undefined ? '' : `runs for ${durationText(age)}`;
}
