import { DsyncdError, type ErrorCode, type FailureKind, type MailboxPath, toDsyncdError } from '@dsyncd/core';
import { type BrainResult, type DoneBefore, newProgress, type Progress, runMaster } from '@dsyncd/dsync';
import type { MailStore, UserMail } from '@dsyncd/mailstore';
import { decodeState } from '@dsyncd/protocol';
import type { Peer, SyncConnection } from '@dsyncd/transport';
import { withPeersReason } from './dovecot/verdict.ts';
import { ImpossibleMailboxes } from './impossible-mailboxes.ts';
import type { SyncEngine, SyncResult, SyncTask, SyncWatch } from './port.ts';

export interface BuiltinEngineOptions {
  readonly store: MailStore;
  /** Of this host. */
  readonly hostname: string;
  readonly lockTimeoutMs: () => number;
  /** The peer of a channel; undefined for one that is not configured any more. */
  readonly peerOf: (channel: string) => Peer | undefined;
}

/** Syncs the built-in store with a peer that speaks dsync: another dsyncd, or a Dovecot. */
export class BuiltinEngine implements SyncEngine {
  readonly #options: BuiltinEngineOptions;
  readonly #unfinished = new UnfinishedSyncs();

  constructor(options: BuiltinEngineOptions) {
    this.#options = options;
  }

  async sync(task: SyncTask): Promise<SyncResult> {
    const notes: string[] = [];
    const isDamaged = task.state !== undefined && decodeState(task.state) === undefined;
    if (isDamaged) notes.push('the stored state is damaged: everything was compared instead');
    const progress = newProgress();
    if (task.watch !== undefined)
      Object.assign(task.watch, { progress, connection: 'opening' } satisfies SyncWatch);
    try {
      const result = await this.#syncUser(task, progress);
      this.#unfinished.finish(task);
      return resultOf(result, notes);
    } catch (error) {
      this.#unfinished.cut(task);
      return failureOf(error, task.signal, { notes, progress });
    }
  }

  async #syncUser(task: SyncTask, progress: Progress): Promise<BrainResult> {
    const peer = this.#options.peerOf(task.channel);
    if (peer === undefined)
      throw new DsyncdError('DSYNCD_NO_CHANNEL', `there is no channel ${task.channel}`, {
        outcome: 'noreplicate',
      });
    let connection: SyncConnection | undefined;
    const user = await this.#options.store.open(task.user);
    const impossible = new ImpossibleMailboxes();
    const leftOut: MailboxPath[] = [];
    try {
      for (;;) {
        try {
          connection = await peer.startSync(task.user, task.signal);
          if (task.watch !== undefined) task.watch.connection = connection;
          const result = await this.#run(task, { user, connection, progress, leftOut });
          const failure = impossible.failure();
          // A full sync that is due goes first: it reports what it leaves out.
          if (failure !== undefined && result.state !== '') throw failure;
          return result;
        } catch (error) {
          const next = await nextImpossible(user, impossible, connection);
          if (next === undefined || task.mailbox !== undefined || task.signal.aborted)
            throw withPeersReason(error, connection?.peerLog ?? []);
          leftOut.push(next);
        }
      }
    } finally {
      await user.close();
    }
  }

  async #run(
    task: SyncTask,
    parts: {
      readonly user: UserMail;
      readonly connection: SyncConnection;
      readonly progress: Progress;
      readonly leftOut: readonly MailboxPath[];
    },
  ): Promise<BrainResult> {
    const { user, connection, progress, leftOut } = parts;
    let isReusable = false;
    const doneBefore = this.#unfinished.begin(task);
    try {
      const result = await runMaster({
        user,
        link: connection,
        progress,
        hostname: this.#options.hostname,
        lockTimeoutMs: this.#options.lockTimeoutMs(),
        syncType: task.type,
        state: task.state,
        leftOut,
        doneBefore,
        mailbox: task.mailbox,
        isDryRun: task.isDryRun,
        oneWay: task.oneWay,
      });
      isReusable = result.isReusable;
      return result;
    } finally {
      connection.release(isReusable);
    }
  }

  /** The caller made the peers, and closes them. */
  async close(): Promise<void> {}
}

/** Our mailbox that the peer has just refused to have, by its log; undefined: it gave up for another reason. */
async function nextImpossible(
  user: UserMail,
  impossible: ImpossibleMailboxes,
  connection: SyncConnection | undefined,
): Promise<MailboxPath | undefined> {
  const name = impossible.learn(connection?.peerLog ?? []);
  if (name === undefined) return undefined;
  const { nodes } = await user.tree();
  // What parts its levels is up to the Dovecot.
  for (const separator of ['/', '.'])
    for (const { path } of nodes)
      for (let levels = path.length; levels > 0; levels--) {
        const part = path.slice(0, levels);
        if (part.join(separator) === name) return part;
      }
  impossible.forget(name);
  return undefined;
}

const resultOf = (result: BrainResult, notes: readonly string[]): SyncResult => ({
  outcome: result.outcome,
  state: result.state,
  full: result.isFull,
  counts: { ...result.counts },
  conflicts: result.conflicts,
  notes: [...notes, ...result.changes],
  peer: result.peerHostname,
});

/** What was to be synced has gone meanwhile; here, or there. The next sync finds it gone. */
const overtakenBy: ReadonlySet<string> = new Set(['DSYNCD_STORE_NO_MAIL', 'DSYNCD_STORE_NO_MAILBOX']);

/** Why an attempt failed; when its time was up, that is the reason, whatever broke because of it. */
export function failureOf(
  error: unknown,
  signal: AbortSignal,
  { notes, progress }: { readonly notes: readonly string[]; readonly progress: Progress },
): SyncResult {
  const cause: unknown = signal.aborted && !(error instanceof DsyncdError) ? signal.reason : error;
  const { code, message, hint, outcome } = toDsyncdError(cause, internalFailure(cause));
  const done = {
    full: false,
    counts: { ...progress.counts },
    conflicts: [],
    peer: progress.peerHostname,
  };
  if (overtakenBy.has(code)) return { ...done, outcome: 'changed', notes: [...notes, message] };
  const failure = { code, reason: message, hint };
  return { ...done, outcome, failure, notes };
}

/** An error of the system, such as a full disk, passes by itself; one without a code is a defect of ours. */
const internalFailure = (error: unknown): { code: ErrorCode; outcome: FailureKind } =>
  error instanceof Error && 'code' in error
    ? { code: 'DSYNCD_SYSTEM', outcome: 'transient' }
    : { code: 'DSYNCD_SYNC_FAILED', outcome: 'transient' };

const usersMax = 1_000;
/** A full sync that is asked for later than this starts from the beginning. */
const ageMsMax = 3_600_000;

interface Unfinished {
  readonly type: SyncTask['type'];
  readonly since: number;
  readonly done: DoneBefore;
}

/** What syncs that were cut off had done by then, so that the next try goes on there and does not start over. */
export class UnfinishedSyncs {
  readonly #byUser = new Map<string, Unfinished>();

  /** To be filled by the try that begins now; undefined for a sync that nobody resumes. */
  begin(task: SyncTask): DoneBefore | undefined {
    if (task.mailbox !== undefined || task.isDryRun === true || task.oneWay !== undefined) return undefined;
    const now = performance.now();
    const before = this.#byUser.get(keyOf(task));
    if (before !== undefined && before.type === task.type && now - before.since < ageMsMax)
      return before.done;
    const done: DoneBefore = new Map();
    this.#byUser.delete(keyOf(task));
    this.#byUser.set(keyOf(task), { type: task.type, since: now, done });
    for (const key of this.#byUser.keys()) {
      if (this.#byUser.size <= usersMax) break;
      this.#byUser.delete(key);
    }
    return done;
  }

  /** The sync came to its end. */
  finish(task: SyncTask): void {
    if (task.mailbox === undefined && task.isDryRun !== true) this.#byUser.delete(keyOf(task));
  }

  /** The try failed. */
  cut(task: SyncTask): void {
    if (this.#byUser.get(keyOf(task))?.done.size === 0) this.#byUser.delete(keyOf(task));
  }
}

const keyOf = ({ channel, user }: SyncTask): string => `${channel}\0${user}`;
