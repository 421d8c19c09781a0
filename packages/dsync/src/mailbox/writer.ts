import { asUid, DsyncdError } from '@dsyncd/core';
import type {
  ApplyResult,
  MailboxMail,
  MailboxStatus,
  MailChange,
  SaveChange,
  StagedBody,
} from '@dsyncd/mailstore';

const batchChanges = 256;

/** Called with the UID that a save got. */
type OnSaved = (uid: number) => void;

/**
 * Collects changes to one mailbox, writes them in batches, and notices when someone else changed
 * the mailbox in between: every batch returns how the mailbox was before it.
 */
export class MailboxWriter {
  readonly #mailbox: MailboxMail;
  readonly #isDryRun: boolean;
  #changes: MailChange[] = [];
  #onSaved = new Map<MailChange, OnSaved>();
  #status: MailboxStatus;
  #isChangedMeanwhile = false;
  #first: MailChange | undefined;
  /** The batch that is being written while the next one is collected. */
  #writing: Promise<void> = Promise.resolve();

  constructor(mailbox: MailboxMail, snapshot: MailboxStatus, options: { readonly isDryRun: boolean }) {
    this.#mailbox = mailbox;
    this.#status = snapshot;
    this.#isDryRun = options.isDryRun;
  }

  /** As of the last batch. */
  get status(): MailboxStatus {
    return this.#status;
  }

  get isChangedMeanwhile(): boolean {
    return this.#isChangedMeanwhile;
  }

  /** A change that goes before the first other one, and is left out when there is none. */
  beginWith(change: MailChange): void {
    this.#first = change;
  }

  /** Changes given together are written together. Wait for the promise, if there is one, before going on. */
  push(...changes: readonly MailChange[]): Promise<void> | undefined {
    if (this.#first !== undefined) {
      this.#changes.push(this.#first);
      this.#first = undefined;
    }
    this.#changes.push(...changes);
    return this.#changes.length >= batchChanges ? this.#startBatch() : undefined;
  }

  /** Settles when the batch before this one is written: at most two are held. */
  #startBatch(): Promise<void> {
    const before = this.#writing;
    const changes = this.#changes;
    const onSaved = this.#onSaved;
    if (changes.length === 0 || this.#isDryRun) return before;
    this.#changes = [];
    this.#onSaved = new Map();
    this.#writing = before.then(
      () => this.#write(changes, onSaved),
      // Not tried after a batch that failed, but what was staged for it must not stay behind.
      async (error: unknown) => {
        await discardStaged(changes);
        throw error;
      },
    );
    // Whoever waits for this batch, or pushes the next one, sees what went wrong.
    this.#writing.catch(() => {});
    return before;
  }

  /** A save with the UID that both hosts agreed on, and what must not happen without it. */
  save(change: SaveChange, onSaved: OnSaved, ...others: readonly MailChange[]): Promise<void> | undefined {
    this.#onSaved.set(change, onSaved);
    return this.push(change, ...others);
  }

  /** Settles when everything is written. */
  async flush(): Promise<void> {
    await this.#startBatch();
    await this.#writing;
  }

  /** After a failure: waits for what is being written, and gives back what was staged for the rest. */
  async abandon(): Promise<void> {
    await this.#writing.catch(() => {});
    await discardStaged(this.#changes);
    this.#changes = [];
  }

  async #write(changes: readonly MailChange[], onSaved: ReadonlyMap<MailChange, OnSaved>): Promise<void> {
    const { before, after, results } = await this.#apply(changes);
    if (before.highestModSeq !== this.#status.highestModSeq || before.uidNext !== this.#status.uidNext)
      this.#isChangedMeanwhile = true;
    this.#status = after;
    changes.forEach((change, index) => {
      const result = results[index];
      if (change.type !== 'save' || result === undefined || !('uid' in result)) return;
      // Someone took the UID first; the next sync finds the mail under two UIDs and repairs that.
      if (change.uid !== result.uid) this.#isChangedMeanwhile = true;
      onSaved.get(change)?.(result.uid);
    });
  }

  async #apply(changes: readonly MailChange[]): Promise<ApplyResult> {
    try {
      return await this.#mailbox.apply(changes);
    } catch (error) {
      await discardStaged(changes);
      throw error;
    }
  }
}

async function discardStaged(changes: readonly MailChange[]): Promise<void> {
  for (const change of changes)
    if (change.type === 'save' && 'discard' in change.body) await change.body.discard();
}

/** Mails of ours whose bodies are lost: a full sync asks the peer for them. */
export class LostBodies {
  readonly #mailbox: MailboxMail;
  readonly #uids = new Map<string, number>();

  constructor(mailbox: MailboxMail) {
    this.#mailbox = mailbox;
  }

  async find(): Promise<void> {
    for (const uid of await this.#mailbox.lostBodies()) {
      const mail = await this.#mailbox.mail(uid);
      if (mail !== undefined) this.#uids.set(mail.guid, uid);
    }
  }

  get guids(): readonly string[] {
    return [...this.#uids.keys()];
  }

  has(guid: string): boolean {
    return this.#uids.has(guid);
  }

  /** Puts the body of the peer where ours was; undefined when it has none either. */
  async restore(guid: string, staged: StagedBody | undefined): Promise<void> {
    const uid = this.#uids.get(guid);
    this.#uids.delete(guid);
    if (staged === undefined || uid === undefined) return;
    try {
      await this.#mailbox.restoreBody(asUid(uid), staged);
    } catch (error) {
      await staged.discard();
      // The mail was expunged meanwhile, or the replica's body is another one: ours stays known as lost.
      const tolerated = ['DSYNCD_STORE_NO_MAIL', 'DSYNCD_STORE_BODY_DIFFERS'];
      if (!(error instanceof DsyncdError) || !tolerated.includes(error.code)) throw error;
    }
  }
}
