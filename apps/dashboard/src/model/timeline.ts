import { bytesText, counted, durationText } from './ages.ts';
import type { EndedSync, User } from './answers.ts';

export type Kind = 'good' | 'bad' | 'busy';

export interface TimelineEntry {
  readonly at: string;
  readonly channel: string;
  readonly kind: Kind;
  readonly title: string;
  readonly detail: string;
  readonly hint?: string;
}

interface OutcomeText {
  /** One or two words. */
  readonly short: string;
  readonly title: string;
  readonly kind: Kind;
}

const outcomes: Readonly<Record<string, OutcomeText>> = {
  ok: { short: 'synced', title: 'Synced', kind: 'good' },
  changed: { short: 'synced', title: 'Synced; changed meanwhile, so once more', kind: 'good' },
  busy: { short: 'put off', title: 'Put off: the mailbox was busy', kind: 'busy' },
  transient: { short: 'failed', title: 'Failed; it is tried again', kind: 'bad' },
  operator: { short: 'held', title: 'Failed; a person must act', kind: 'bad' },
  nouser: { short: 'no user', title: 'The user is unknown to the mail store', kind: 'bad' },
  noreplicate: { short: 'left out', title: 'The user is not to be replicated', kind: 'busy' },
};

export const outcomeKind = (outcome: string): Kind => outcomes[outcome]?.kind ?? 'bad';
export const outcomeText = (outcome: string): string => outcomes[outcome]?.short ?? outcome;

/** What is known of a user's past, latest first. */
export function timelineOf(channels: readonly User[], history: readonly EndedSync[]): TimelineEntry[] {
  const entries = [...channels.flatMap(changesOf), ...history.map(syncEntry)];
  return entries.sort((one, other) => Date.parse(other.at) - Date.parse(one.at));
}

function changesOf(user: User): TimelineEntry[] {
  if (user.requestedAt === undefined) return [];
  return [
    {
      at: user.requestedAt,
      channel: user.channel,
      kind: 'busy',
      title: 'Change notified, not replicated yet',
      detail: `Priority ${user.priority}.`,
    },
  ];
}

function syncEntry(sync: EndedSync): TimelineEntry {
  const { outcome, failure } = sync;
  return {
    at: sync.endedAt,
    channel: sync.channel,
    kind: outcomeKind(outcome),
    title: outcomes[outcome]?.title ?? `Ended: ${outcome}`,
    detail: failure === undefined ? workText(sync) : `${failure.reason} (${failure.code})`,
    hint: failure?.hint,
  };
}

/** `normal sync, 0.3 s, 2 mails sent (3.1 kB)`. */
export function workText(sync: EndedSync): string {
  const parts = [`${sync.type} sync in ${durationText(sync.seconds)}`];
  if (sync.mailsSent > 0)
    parts.push(`${counted(sync.mailsSent, 'mail')} sent (${bytesText(sync.bytesSent)})`);
  if (sync.mailsReceived > 0)
    parts.push(`${counted(sync.mailsReceived, 'mail')} received (${bytesText(sync.bytesReceived)})`);
  if (sync.conflicts > 0) parts.push(`${counted(sync.conflicts, 'conflict')} merged`);
  if (sync.lagSeconds !== undefined) parts.push(`${durationText(sync.lagSeconds)} after the change`);
  return `${parts.join(', ')}.`;
}
