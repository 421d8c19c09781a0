import { countOf, formatSpan } from '@dsyncd/core';
import type { ConsumerReport } from '@dsyncd/protocol';
import { instantOrNull } from './table.ts';

/** How a consumer of the change feed is doing: one line, and two more when it fails. @param now - Unix milliseconds */
export function consumerLines(consumer: ConsumerReport, now: number): string[] {
  const { name, failuresInRow, nextTryAt, failure } = consumer;
  const parts = [backlogText(consumer, now)];
  if (consumer.runningSince !== undefined)
    parts.push(`running for ${formatSpan(now - consumer.runningSince)}`);
  if (failure === undefined) return [`consumer ${name}: ${parts.join(', ')}`];
  const next =
    nextTryAt === undefined
      ? ''
      : `, next try ${nextTryAt <= now ? 'now' : `in ${formatSpan(nextTryAt - now)}`}`;
  return [
    `consumer ${name}: FAILING, ${parts.join(', ')}, ${countOf(failuresInRow, 'failure')} in a row${next}`,
    `  why: ${failure.reason}`,
    `  do:  ${failure.hint ?? 'it is tried again by itself'}`,
  ];
}

function backlogText({ startsOver, usersBehind = 0, behindSince }: ConsumerReport, now: number): string {
  if (startsOver) return 'is being given all users';
  if (usersBehind === 0) return 'has every change';
  const age = behindSince === undefined ? '' : ` for ${formatSpan(Math.max(0, now - behindSince))}`;
  return `${countOf(usersBehind, 'user')} behind${age}`;
}

/** For programs: instants in ISO 8601, null for never and not known. */
export const consumerJson = (consumer: ConsumerReport): object => ({
  name: consumer.name,
  state: consumer.state,
  startsOver: consumer.startsOver,
  usersBehind: consumer.usersBehind ?? null,
  behindSince: instantOrNull(consumer.behindSince),
  runningSince: instantOrNull(consumer.runningSince),
  failuresInRow: consumer.failuresInRow,
  lastSuccessAt: instantOrNull(consumer.lastSuccessAt),
  nextTryAt: instantOrNull(consumer.nextTryAt),
  code: consumer.failure?.code ?? null,
  reason: consumer.failure?.reason ?? null,
  remedy: consumer.failure?.hint ?? null,
});
