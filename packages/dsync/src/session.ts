import { DsyncdError, knownErrorCode, type MailboxGuid } from '@dsyncd/core';
import type { MailboxMail, MailChange, UserMail } from '@dsyncd/mailstore';
import {
  type ByteLink,
  type DsyncItem,
  DsyncStream,
  type Handshake,
  type MailboxSyncState,
  type Received,
} from '@dsyncd/protocol';
import type { LeftOut } from './mailbox/left-out.ts';
import { type Counts, newProgress, type OneWay, type Progress } from './options.ts';
import { PlanBudget } from './peer-limits.ts';

/** What a dsyncd can do beyond dsync 3.5; announced in the handshake. */
export const ourFeatures = ['expunges', 'reuse', 'dry-run', 'late-expunges'] as const;
type Feature = (typeof ourFeatures)[number];

interface ListLimits {
  readonly countMax: number;
  /** Of the lines, as they come. */
  readonly bytesMax: number;
}

/** Expunges of one mailbox that wait for the end of the sync. */
interface LateExpunges {
  readonly mailbox: MailboxMail;
  readonly changes: readonly MailChange[];
}

/** What the master asks for in its handshake; it holds for the whole sync. */
export interface Terms {
  /** `state`: only what changed since the last sync; `changed`: only mailboxes that look different; `full`: everything. */
  readonly syncType: 'full' | 'changed' | 'state';
  readonly isDryRun: boolean;
  /** As our side sees it; undefined: both ways. */
  readonly oneWay: OneWay | undefined;
}

/**
 * One end of a running sync: the stream, the user's mail, and what is known so far.
 *
 * ```
 *   state      master (lead.ts)              slave (follow.ts)
 *   greeting   handshake                  |  handshake                 -> agree: peer and terms, once, for both
 *   states     where the last sync ended ->  (type `state` only)
 *   locking    the lesser host name at once; the other when the first one's tree comes (handshake.ts)
 *   trees      tree                       |  tree                      -> Trees: both have the same mailboxes
 *   mailboxes  header -> <- header, then the exchange (mailbox/), for one mailbox after the other
 *   expunges   of mails that the peer expunged, on both sides (states.ts)
 *   end        end of the mailboxes ->    <- states, finish            -> done: the link may be used again
 * ```
 * `|`: both at once. `lead` and `follow` are this order, top to bottom, and hold the lock from `locking` to `end`. Before `agree`,
 * nothing that depends on peer or terms can be asked; after it, they cannot change. An error leads from any state to
 * the last word of this side (brain.ts).
 */
export class Session {
  readonly stream: DsyncStream;
  /** Fails as soon as the peer is gone: work that nobody waits for must not keep the user's lock. */
  readonly user: UserMail;
  readonly isMaster: boolean;
  readonly hostname: string;
  /** Lines for the log about what both sides had changed at once. */
  readonly conflicts: string[] = [];
  /** Why the next sync should come soon, one line each. */
  readonly changes: string[] = [];
  /** What the peer expunged, to be done when every mailbox is synced. */
  readonly lateExpunges: LateExpunges[] = [];
  /** Mailboxes that our store could not take; the sync ends as failed when all others are done. */
  readonly leftOut: LeftOut[] = [];
  /** By mailbox, as the last sync left them; those of this sync replace them one by one. */
  readonly states = new Map<MailboxGuid, MailboxSyncState>();
  /** The state is not to be trusted: the next sync must be a full one. */
  requiresFullResync = false;
  /** UID of the first of the mails that a Dovecot is being sent: when it gives up, it does not say at which. */
  offeredUid: number | undefined;
  #agreed: { readonly peer: Handshake; readonly terms: Terms } | undefined;
  #putBack: Exclude<Received, { type: 'done' }> | undefined;
  readonly #progress: Progress;
  /** What this sync has planned and not done yet. */
  readonly planned: PlanBudget;

  constructor(options: {
    link: ByteLink;
    user: UserMail;
    isMaster: boolean;
    hostname: string;
    progress?: Progress;
    plannedBytesMax?: number;
  }) {
    this.#progress = options.progress ?? newProgress();
    this.stream = new DsyncStream(options.link);
    this.planned = new PlanBudget(options.link.peerName, options.plannedBytesMax);
    this.user = watchUser(options.user, () => this.checkPeer());
    this.isMaster = options.isMaster;
    this.hostname = options.hostname;
  }

  get counts(): Counts {
    return this.#progress.counts;
  }

  get mailboxProgress(): Progress['mailboxes'] {
    return this.#progress.mailboxes;
  }

  /** Ends the greeting: both handshakes are known. To be called once. */
  agree(peer: Handshake, terms: Terms): void {
    if (this.#agreed !== undefined) throw new TypeError('the handshakes have been exchanged already');
    this.#agreed = { peer, terms };
    this.#progress.peerHostname = peer.hostname;
  }

  #afterGreeting(): { readonly peer: Handshake; readonly terms: Terms } {
    if (this.#agreed === undefined) throw new TypeError('no handshake yet');
    return this.#agreed;
  }

  get peer(): Handshake {
    return this.#afterGreeting().peer;
  }

  get syncType(): Terms['syncType'] {
    return this.#afterGreeting().terms.syncType;
  }

  get isDryRun(): boolean {
    return this.#afterGreeting().terms.isDryRun;
  }

  get oneWay(): OneWay | undefined {
    return this.#afterGreeting().terms.oneWay;
  }

  /** Is the peer a dsyncd that can do this? */
  peerCan(feature: Feature): boolean {
    return this.peer.features?.includes(feature) === true;
  }

  /** Nothing changes on our side. */
  get isOnlySending(): boolean {
    return this.oneWay?.direction === 'send';
  }

  /** Nothing changes on the peer's side. */
  get isOnlyReceiving(): boolean {
    return this.oneWay?.direction === 'receive';
  }

  /** Our side becomes equal to the peer's. */
  get isOverwritten(): boolean {
    return this.isOnlyReceiving && this.oneWay?.overwrites === true;
  }

  /** The next item, which must be of `type`, or the end of its list. */
  async next<Type extends DsyncItem['type']>(
    type: Type,
  ): Promise<(DsyncItem & { readonly type: Type }) | undefined> {
    const item = await this.receive();
    if (item.type === 'end') return undefined;
    if (item.type === type) return item as DsyncItem & { readonly type: Type };
    throw this.unexpected(item, type);
  }

  /**
   * The items up to the end of their list.
   * @throws {DsyncdError} `DSYNCD_PEER_LIMIT` when there are more than `countMax`, or they have more than `bytesMax`: what comes is held.
   */
  async *list<Type extends DsyncItem['type']>(
    type: Type,
    { countMax, bytesMax }: ListLimits,
  ): AsyncGenerator<DsyncItem & { readonly type: Type }> {
    let count = 0;
    let bytes = 0;
    for (let item = await this.next(type); item !== undefined; item = await this.next(type)) {
      count++;
      bytes += this.stream.recordBytes;
      if (count > countMax) throw this.#tooMany(type, `${countMax} ${type} records`);
      if (bytes > bytesMax) throw this.#tooMany(type, `${bytesMax} bytes of ${type} records`);
      yield item;
    }
  }

  /** Any item; a peer that gives up is an error. */
  async receive(): Promise<Exclude<Received, { type: 'done' }>> {
    const putBack = this.#putBack;
    this.#putBack = undefined;
    if (putBack !== undefined) return putBack;
    const item = await this.stream.receive();
    if (item.type === 'done') throw this.#gaveUp();
    if (item.type === 'finish' && (item.error !== undefined || !this.isMaster)) throw peerFailed(this, item);
    return item;
  }

  /** Waits for the next item and leaves it to the next {@link receive}. */
  async awaitNext(): Promise<void> {
    this.#putBack = await this.receive();
  }

  /** @throws why the peer is gone, if it is; as it said itself, if it did. */
  checkPeer(): void {
    const { over } = this.stream;
    if (over === undefined) return;
    throw over.lastWord?.error === undefined ? over.reason : peerFailed(this, over.lastWord);
  }

  unexpected(item: Received, wanted: string): DsyncdError {
    return new DsyncdError(
      'DSYNCD_PROTOCOL',
      `${this.stream.peerName} sent a ${item.type} record where a ${wanted} one was due`,
      { outcome: 'transient', hint: 'check that the peer is a Dovecot 2.3 or 2.4 or a dsyncd' },
    );
  }

  #tooMany(type: DsyncItem['type'], what: string): DsyncdError {
    const hint = type === 'node' ? 'remove mailboxes' : 'split the mailbox';
    return new DsyncdError('DSYNCD_PEER_LIMIT', `${this.stream.peerName} sent more than ${what} in a row`, {
      outcome: 'operator',
      hint: `${hint} on the peer, or check what the peer is`,
    });
  }

  #gaveUp(): DsyncdError {
    return new DsyncdError('DSYNCD_PEER_GAVE_UP', `${this.stream.peerName} ended the sync before its end`, {
      outcome: 'transient',
      hint: 'its log says why',
    });
  }
}

const outcomes = ['busy', 'transient', 'operator', 'nouser', 'noreplicate'] as const;

/** The peer says itself what went wrong; a dsyncd also how to count it. */
function peerFailed(session: Session, finish: DsyncItem & { readonly type: 'finish' }): DsyncdError {
  const outcome = outcomes.find((known) => known === finish.outcome) ?? 'transient';
  const text = finish.error ?? 'ended the sync before its end';
  return new DsyncdError(
    knownErrorCode(finish.code, 'DSYNCD_PEER_FAILED'),
    `${session.stream.peerName}: ${text}`,
    {
      outcome,
      hint: finish.hint ?? 'the log of the peer says more',
    },
  );
}

/** The user's mail, where every call first asks `check`, which throws when the work is not wanted any more. */
export function watchUser(user: UserMail, check: () => void): UserMail {
  const watchMailbox = (mailbox: MailboxMail): MailboxMail => watch(mailbox, check);
  return watch(user, check, {
    mailbox: async (guid) => watchMailbox(await user.mailbox(guid)),
    mailboxByPath: async (path) => {
      const mailbox = await user.mailboxByPath(path);
      return mailbox === undefined ? undefined : watchMailbox(mailbox);
    },
  });
}

/** All calls answer promises, so that what `check` throws becomes a rejection. */
function watch<Watched extends object>(
  target: Watched,
  check: () => void,
  instead: Partial<Watched> = {},
): Watched {
  return new Proxy(target, {
    get(_, name) {
      const given: unknown = Reflect.get(instead, name) ?? Reflect.get(target, name);
      if (typeof given !== 'function') return given;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        check();
        return Reflect.apply(given, target, args) as unknown;
      };
    },
  });
}
