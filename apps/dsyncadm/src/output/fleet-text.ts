import { formatSpan } from '@dsyncd/core';
import type { BackendView, FleetAnswer } from '@dsyncd/http-api/answers';
import { type Column, formatList } from './table.ts';

const text = (title: string): Column => ({ title });
const number = (title: string): Column => ({ title, alignsRight: true });

const channelColumns: readonly Column[] = [
  ...['backend', 'channel', 'state'].map(text),
  ...['users', 'behind', 'oldest', 'sync', 'high', 'low', 'failed', 'held', 'running'].map(number),
];
const replicatorColumns: readonly Column[] = [
  ...['backend', 'replicator'].map(text),
  ...['pid', 'up', 'last sign', 'running'].map(number),
  text('state'),
];

/** Two tables: what waits in each queue, and who serves it. */
export function fleetText({ backends }: FleetAnswer, now: number): string {
  if (backends.length === 0) return 'no backend has a queue there\n';
  const channels = formatList(channelColumns, backends.flatMap(channelRows));
  const replicators = formatList(
    replicatorColumns,
    backends.flatMap((backend) => replicatorRows(backend, now)),
  );
  return `${channels}\n${replicators}`;
}

const channelRows = ({ backend, channels }: BackendView): string[][] =>
  channels.map(({ channel, paused, breaker, queued, oldestRequestAt, oldestLagSeconds, ...counts }) => [
    backend,
    channel,
    paused ? 'paused' : breaker.state === 'closed' ? 'replicating' : 'replica not reachable',
    String(counts.users),
    String(counts.usersBehind),
    oldestRequestAt === undefined ? '-' : formatSpan(oldestLagSeconds * 1000),
    String(queued.sync),
    String(queued.high),
    String(queued.low),
    String(queued.failed),
    String(queued.quarantined),
    String(counts.running),
  ]);

function replicatorRows({ backend, seenAt, replicators }: BackendView, now: number): string[][] {
  const since = (instant: string): string => formatSpan(now - Date.parse(instant));
  if (replicators.length === 0) return [[backend, '-', '-', '-', since(seenAt), '-', 'NO REPLICATOR']];
  return replicators.map((each) => [
    backend,
    each.hostname,
    String(each.pid),
    since(each.startedAt),
    since(each.seenAt),
    String(each.running),
    each.alive ? 'alive' : 'SILENT',
  ]);
}
