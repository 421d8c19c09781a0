import {
  type Clock,
  DsyncdError,
  type ErrorCode,
  type FailureKind,
  noCounts,
  parseDestination,
  toDsyncdError,
} from '@dsyncd/core';
import { encodeSyncCommand, type SyncCommand } from '@dsyncd/protocol';
import { ImpossibleMailboxes } from '../impossible-mailboxes.ts';
import type { SyncEngine, SyncResult, SyncTask } from '../port.ts';
import { diagnoseExit } from './diagnose-exit.ts';
import { type CommandResult, type DoveadmServerAddress, runDoveadmCommand } from './doveadm-command.ts';
import { EndlessChange, GuidDispute } from './endless-syncs.ts';
import { explainByName, explainExitByName, noteConflictNames } from './mailbox-names.ts';
import { UnprovenUsers } from './unproven-users.ts';
import type { DovecotUsers } from './users.ts';
import { judge, type Verdict } from './verdict.ts';

/** Where a channel leads. */
export interface DovecotChannel {
  /** As `doveadm sync` takes it. */
  readonly replica: string;
  readonly doveadmPort: number;
  /** Field of userdb that names another replica for a user. */
  readonly replicaField?: string;
}

export interface DovecotEngineOptions {
  readonly server: () => DoveadmServerAddress;
  readonly users: DovecotUsers;
  /** Undefined for a channel that is not configured any more. */
  readonly channel: (name: string) => DovecotChannel | undefined;
  /** Commands under way at once; Dovecot starts a process for each. */
  readonly commandsMax: () => number;
  readonly lockTimeoutMs: () => number;
  /** Dovecot gives the peer up when nothing moves for so long. */
  readonly ioTimeoutMs: (channel: string) => number;
  /** Prefixes of the namespaces to sync; empty: all. */
  readonly namespaces?: () => readonly string[];
  /** Masks of mailboxes that are left out. */
  readonly excludedMailboxes?: () => readonly string[];
  readonly clock: Clock;
  readonly loginTimeoutMs?: number;
}

const loginTimeoutMsDefault = 15_000;
/** The attempt has a deadline of its own; a timer cannot be longer. */
const answerTimeoutMs = 2 ** 31 - 1;

/** Has the local Dovecot perform each sync: `doveadm sync`, given to its doveadm service. */
export class DovecotEngine implements SyncEngine {
  readonly #options: DovecotEngineOptions;
  readonly #slots: Slots;
  readonly #endlessChange = new EndlessChange();
  readonly #guidDispute = new GuidDispute();
  readonly #unproven = new UnprovenUsers();

  constructor(options: DovecotEngineOptions) {
    this.#options = options;
    this.#slots = new Slots(options.commandsMax);
  }

  async sync(task: SyncTask): Promise<SyncResult> {
    try {
      if (task.isDryRun === true) throw notPossible('Dovecot has no dry run');
      const channel = this.#options.channel(task.channel);
      if (channel === undefined)
        return refused('noreplicate', 'DSYNCD_NO_CHANNEL', `no channel ${task.channel}`);
      const admission = await this.#options.users.admit(task.user, channel.replicaField, task.signal);
      if ('outcome' in admission) {
        const { outcome, code, reason, properUser } = admission;
        return { ...refused(outcome, code, reason), properUser };
      }
      const destination = withPort(admission.replica ?? channel.replica, channel.doveadmPort);
      return await this.#slots.run(task.signal, () => this.#command(task, destination));
    } catch (error) {
      return failureOf(error, task.signal);
    }
  }

  async #command(task: SyncTask, destination: string): Promise<SyncResult> {
    const { server, clock, loginTimeoutMs = loginTimeoutMsDefault } = this.#options;
    const { signal } = task;
    const give = (line: string): Promise<CommandResult> =>
      runDoveadmCommand(server(), line, { signal, clock, loginTimeoutMs, answerTimeoutMs });
    const guids = await this.#guidDispute.before(task, give);
    const startedAt = clock.now();
    const impossible = new ImpossibleMailboxes();
    let { answer, log } = await give(encodeSyncCommand(this.#commandOf(task, destination)));
    while (task.mailbox === undefined && answer?.word !== '+' && impossible.learn(log) !== undefined) {
      const command = this.#commandOf(task, destination, impossible.names);
      ({ answer, log } = await give(encodeSyncCommand(command)));
    }
    if (answer === undefined)
      throw await explainExitByName(give, task, await diagnoseExit(destination, log, clock, signal));
    const explained = await explainByName(give, task, leaving(judge(answer, log), impossible));
    const judged = await this.#guidDispute.after(task, explained, guids, give);
    const { outcome, state, failure, notes } = this.#endlessChange.settle(task, judged);
    const ended = { outcome, isFull: isFull(task), startedAt, endedAt: clock.now() };
    const wasUnproven = this.#unproven.has(task);
    const proofAfterMs = task.mailbox === undefined ? this.#unproven.ended(task, ended) : undefined;
    const isProof = isFull(task) && task.mailbox === undefined && outcome === 'ok';
    const isStored = task.mailbox === undefined && (outcome === 'ok' || state === '');
    return {
      outcome,
      // A sync of one mailbox knows nothing of the others; one that came too late for a change may hide it in its state.
      ...(state === undefined || !isStored ? {} : { state }),
      proofAfterMs,
      full: isProof,
      failure,
      counts: noCounts,
      isCounted: false,
      conflicts: [],
      notes: isProof && wasUnproven ? [...notes, ...(await noteConflictNames(give, task))] : notes,
    };
  }

  #commandOf(task: SyncTask, destination: string, impossible: readonly string[] = []): SyncCommand {
    const { user, channel, type, state, mailbox } = task;
    const { lockTimeoutMs, ioTimeoutMs, namespaces, excludedMailboxes } = this.#options;
    const isIncremental = type === 'incremental' && mailbox === undefined;
    return {
      user,
      destination,
      full: isFull(task),
      state: isIncremental ? (state ?? '') : '',
      namespaces: namespaces?.() ?? [],
      excludedMailboxes: [
        ...(excludedMailboxes?.() ?? []),
        ...impossible.flatMap((name) => [name, `${name}/*`, `${name}.*`]),
      ],
      // 0 would mean no lock at all.
      lockTimeoutSeconds: Math.max(1, Math.ceil(lockTimeoutMs() / 1000)),
      ioTimeoutSeconds: Math.max(1, Math.ceil(ioTimeoutMs(channel) / 1000)),
      mailbox: mailbox?.join('/'),
    };
  }

  async close(): Promise<void> {}
}

/** A sync that did everything but what one side cannot have: it is not done. */
function leaving(verdict: Verdict, impossible: ImpossibleMailboxes): Verdict {
  const error = impossible.failure();
  if (verdict.outcome !== 'ok' || error === undefined) return verdict;
  const { code, message, hint = '', outcome } = error;
  return { outcome, failure: { code, reason: message, hint }, notes: verdict.notes };
}

/**
 * Without a state there is nothing to be incremental from, and then every mailbox is compared: what Dovecot does without a
 * state skips those that have the same UIDs, count and modseq on both hosts, which two that changed different mails may have.
 */
const isFull = ({ type, state, mailbox }: SyncTask): boolean =>
  type === 'full' || (mailbox === undefined && (type === 'normal' || !state));

/** Dovecot has a default port of its own, which need not be the one that is meant here. */
function withPort(replica: string, doveadmPort: number): string {
  const destination = parseDestination(replica, { doveadmPort });
  return destination.kind === 'tcp' ? destination.name : replica;
}

const notPossible = (message: string): DsyncdError =>
  new DsyncdError('DSYNCD_DOVEADM_COMMAND', message, {
    outcome: 'operator',
    hint: 'only mail_engine = "builtin" can do that',
  });

const refused = (outcome: FailureKind, code: ErrorCode, reason: string): SyncResult => ({
  outcome,
  full: false,
  failure: { code, reason },
  counts: noCounts,
  isCounted: false,
  conflicts: [],
  notes: [],
});

function failureOf(error: unknown, signal: AbortSignal): SyncResult {
  const cause: unknown = signal.aborted && !(error instanceof DsyncdError) ? signal.reason : error;
  const fallback = { code: 'DSYNCD_DOVECOT_FAILED', outcome: 'transient' } as const;
  const { code, message, hint, outcome } = toDsyncdError(cause, fallback);
  return {
    outcome,
    full: false,
    failure: { code, reason: message, hint },
    counts: noCounts,
    isCounted: false,
    conflicts: [],
    notes: [],
  };
}

/** So many at once; the others wait in line. */
export class Slots {
  readonly #countMax: () => number;
  readonly #waiting: (() => void)[] = [];
  #taken = 0;

  constructor(countMax: () => number) {
    this.#countMax = countMax;
  }

  /** Runs `task` when there is room. @throws `signal.reason` when that aborts first. */
  async run<T>(signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    await this.#take(signal);
    try {
      return await task();
    } finally {
      this.#taken--;
      this.#waiting.shift()?.();
    }
  }

  async #take(signal: AbortSignal): Promise<void> {
    while (this.#taken >= this.#countMax()) {
      signal.throwIfAborted();
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        };
        const onAbort = (): void => {
          const index = this.#waiting.indexOf(wake);
          if (index >= 0) this.#waiting.splice(index, 1);
          resolve();
        };
        signal.addEventListener('abort', onAbort, { once: true });
        this.#waiting.push(wake);
      });
    }
    signal.throwIfAborted();
    this.#taken++;
  }
}
