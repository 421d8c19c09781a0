import type { EndedSync } from '@dsyncd/replicator';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { failureSchema, isoInstant } from './views.ts';

/** Syncs that are remembered of one user, and users of whom some are: 20 MB at most. */
export const historySyncsPerUserMax = 10;
export const historyUsersMax = 5_000;
const textCharsMax = 300;

export const endedSyncSchema = Type.Object(
  {
    channel: Type.String(),
    user: Type.String(),
    type: Type.String(),
    priority: Type.String(),
    outcome: Type.String({
      description: '`ok`, `changed`, `busy`, `transient`, `operator`, `nouser` or `noreplicate`.',
    }),
    endedAt: Type.String({ format: 'date-time' }),
    seconds: Type.Number({ description: 'From claim to outcome.' }),
    lagSeconds: Type.Optional(
      Type.Number({ description: 'From the oldest change that it covered to its end.' }),
    ),
    mailsReceived: Type.Integer(),
    mailsSent: Type.Integer(),
    bytesReceived: Type.Integer(),
    bytesSent: Type.Integer(),
    conflicts: Type.Integer({ description: 'Changes on both sides at once that it merged.' }),
    peer: Type.Optional(Type.String()),
    failure: Type.Optional(failureSchema),
  },
  { additionalProperties: false, title: 'Ended sync' },
);
export type EndedSyncView = Static<typeof endedSyncSchema>;

export function endedSyncView({ claim, result, startedAt, endedAt }: EndedSync): EndedSyncView {
  const { counts, failure } = result;
  return {
    channel: claim.channel,
    user: claim.user,
    type: claim.type,
    priority: claim.priority,
    outcome: result.outcome,
    endedAt: isoInstant(endedAt),
    seconds: (endedAt - startedAt) / 1000,
    lagSeconds: claim.requestedAt === undefined ? undefined : (endedAt - claim.requestedAt) / 1000,
    mailsReceived: counts.mailsReceived,
    mailsSent: counts.mailsSent,
    bytesReceived: counts.bytesReceived,
    bytesSent: counts.bytesSent,
    conflicts: result.conflicts.length,
    peer: result.peer === undefined ? undefined : cut(result.peer),
    ...(failure === undefined
      ? {}
      : {
          failure: {
            code: cut(failure.code),
            reason: cut(failure.reason),
            hint: failure.hint === undefined ? undefined : cut(failure.hint),
          },
        }),
  };
}

/** The last syncs of the users that were synced last. In memory only: a restart begins anew. */
export class SyncHistory {
  /** Least recently synced first. */
  readonly #byUser = new Map<string, readonly EndedSyncView[]>();

  get size(): number {
    return this.#byUser.size;
  }

  add(sync: EndedSyncView): void {
    const before = this.#byUser.get(sync.user) ?? [];
    this.#byUser.delete(sync.user);
    this.#byUser.set(sync.user, [sync, ...before.slice(0, historySyncsPerUserMax - 1)]);
    if (this.#byUser.size <= historyUsersMax) return;
    const [oldest] = this.#byUser.keys();
    if (oldest !== undefined) this.#byUser.delete(oldest);
  }

  /** Latest first. */
  of(user: string): readonly EndedSyncView[] {
    return this.#byUser.get(user) ?? [];
  }

  forget(user: string): void {
    this.#byUser.delete(user);
  }
}

const cut = (text: string): string => (text.length > textCharsMax ? `${text.slice(0, textCharsMax)}…` : text);
