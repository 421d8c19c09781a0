import type { MailboxMail, MailboxStatus, MailChange, SaveChange } from '@dsyncd/mailstore';

const batchChanges = 256;

/** Called with the UID that a save got. */
export type OnSaved = (uid: number) => void;

/**
 * Collects changes to one mailbox, writes them in batches, and notices when someone else changed
 * the mailbox in between: every batch tells how the mailbox was before it.
 */
export class MailboxWriter {
  readonly #mailbox: MailboxMail;
  readonly #isDryRun: boolean;
  #changes: MailChange[] = [];
  #onSaved = new Map<MailChange, OnSaved>();
  #status: MailboxStatus;
  #isChangedMeanwhile = false;

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

  get hasPending(): boolean {
    return this.#changes.length > 0;
  }

  /** Wait for the promise, if there is one, before going on. */
  push(change: MailChange): Promise<void> | undefined {
    this.#changes.push(change);
    return this.#changes.length >= batchChanges ? this.flush() : undefined;
  }

  /** A save with the UID that both hosts agreed on. */
  save(change: SaveChange, onSaved?: OnSaved): Promise<void> | undefined {
    if (onSaved !== undefined) this.#onSaved.set(change, onSaved);
    return this.push(change);
  }

  async flush(): Promise<void> {
    const changes = this.#changes;
    const onSaved = this.#onSaved;
    if (changes.length === 0 || this.#isDryRun) return;
    this.#changes = [];
    this.#onSaved = new Map();
    const { before, after, results } = await this.#mailbox.apply(changes);
    if (before.highestModSeq !== this.#status.highestModSeq || before.uidNext !== this.#status.uidNext)
      this.#isChangedMeanwhile = true;
    this.#status = after;
    changes.forEach((change, index) => {
      const result = results[index];
      if (change.type !== 'save' || result === undefined || !('uid' in result)) return;
      // Someone took the UID first; the next sync finds the mail under two UIDs and mends it.
      if (change.uid !== result.uid) this.#isChangedMeanwhile = true;
      onSaved.get(change)?.(result.uid);
    });
  }
}
