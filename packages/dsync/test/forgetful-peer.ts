import { DsyncdError } from '@dsyncd/core';
import type { ApplyResult, MailboxMail, MailChange, UserMail } from '@dsyncd/mailstore';
import type { ByteLink } from '@dsyncd/protocol';
import { type MasterOptions, runMaster, runSlave } from '../src/index.ts';
import { ourFeatures } from '../src/session.ts';
import { type MemoryLink, memoryLinks } from './memory-link.ts';
import type { SimHost } from './world.ts';

/** What befalls one sync. */
export interface Fault {
  /** The connection is cut at this read of our side. */
  readonly cutAfter?: number;
  /** By their order: mails that the peer does not save; then it gives up, with what it did save. */
  readonly refused?: readonly boolean[];
  /** Something that happens before the call of that number to the store of our side. */
  readonly meanwhile?: { readonly atCall: number; readonly action: () => Promise<void> };
}

export type SyncType = MasterOptions['syncType'];

/**
 * A host of ours and a peer that is like a Dovecot: it says that it can do nothing beyond dsync, it forgets what it
 * expunged, and when it cannot save a mail, it may have saved any others of the same sync.
 */
export class ForgetfulPair {
  readonly ours: SimHost;
  readonly peer: SimHost;
  /** Of the last success of each leader. */
  readonly #states = new Map<SimHost, string>();
  /** Up to which modseq of its mailbox the peer has forgotten expunges. */
  #forgotten = 0;

  constructor(ours: SimHost, peer: SimHost) {
    this.ours = ours;
    this.peer = peer;
  }

  /** Of its expunges up to now the peer has no record any more. */
  async forget(): Promise<void> {
    const inbox = await this.peer.mail.mailboxByPath(['INBOX']);
    this.#forgotten = (await inbox?.status())?.highestModSeq ?? 0;
  }

  loseStates(): void {
    this.#states.clear();
  }

  /** One sync, however it ends; answers whether it was a success after which nothing is to follow. */
  async sync(leader: SimHost, type: SyncType, fault: Fault = {}): Promise<boolean> {
    const [a, b] = memoryLinks();
    const [ourLink, theirLink] = leader === this.ours ? [a, b] : [b, a];
    if (fault.cutAfter !== undefined) {
      ourLink.cutAfter = fault.cutAfter;
      ourLink.other = theirLink;
    }
    const our = { ...this.#common(this.ours, ourLink), user: interrupted(this.ours.mail, fault) };
    const their = {
      ...this.#common(this.peer, theirLink),
      user: this.#likeDovecot(this.peer.mail, fault.refused),
    };
    const [leading, following] = leader === this.ours ? [our, their] : [their, our];
    const state = this.#states.get(leader);
    const [led, followed] = await Promise.allSettled([
      runMaster({ ...leading, syncType: type, state }).finally(() => a.end()),
      runSlave(following).finally(() => b.end()),
    ]);
    for (const end of [led, followed]) if (end.status === 'rejected') expectKnown(end.reason);
    if (led.status === 'rejected' || followed.status === 'rejected') return false;
    if (led.value.state === '') this.#states.delete(leader);
    else if (led.value.outcome === 'ok') this.#states.set(leader, led.value.state);
    return led.value.outcome === 'ok';
  }

  #common({ name }: SimHost, link: MemoryLink): { link: ByteLink; hostname: string; lockTimeoutMs: number } {
    return { link: withoutFeatures(link), hostname: name, lockTimeoutMs: 1000 };
  }

  #likeDovecot(user: UserMail, refused: readonly boolean[] = []): UserMail {
    let saves = 0;
    const like = (mailbox: MailboxMail): MailboxMail =>
      instead(mailbox, {
        expunges: async (range, limit) => {
          const records = await mailbox.expunges(range, limit);
          return records.filter(({ modSeq }) => modSeq > this.#forgotten);
        },
        apply: async (changes) => {
          const isRefused = changes.map(({ type }) => type === 'save' && refused[saves++] === true);
          return isRefused.includes(true) ? saveSome(mailbox, changes, isRefused) : mailbox.apply(changes);
        },
      });
    return withMailboxes(user, like);
  }
}

/** Saves the others, and then fails. */
async function saveSome(
  mailbox: MailboxMail,
  changes: readonly MailChange[],
  isRefused: readonly boolean[],
): Promise<ApplyResult> {
  const refused = changes.filter((_, index) => isRefused[index] === true);
  const guids = new Set(refused.map((change) => 'guid' in change && change.guid));
  // What goes because it comes again under another UID stays where it does not come.
  const done = changes.filter(
    (change, index) =>
      isRefused[index] !== true && !(change.type === 'expunge' && guids.has(change.guid ?? false)),
  );
  await mailbox.apply(done);
  for (const change of refused)
    if (change.type === 'save' && 'discard' in change.body) await change.body.discard();
  throw new DsyncdError('DSYNCD_STORE_DISK_FULL', 'the disk of the peer is full', { outcome: 'transient' });
}

function interrupted(user: UserMail, { meanwhile }: Fault): UserMail {
  if (meanwhile === undefined) return user;
  let calls = 0;
  const beforeCall = async (): Promise<void> => {
    if (++calls === meanwhile.atCall) await meanwhile.action();
  };
  const slow = (mailbox: MailboxMail): MailboxMail =>
    instead(mailbox, {
      mails: async (...args) => {
        await beforeCall();
        return mailbox.mails(...args);
      },
      expunges: async (...args) => {
        await beforeCall();
        return mailbox.expunges(...args);
      },
      apply: async (...args) => {
        await beforeCall();
        return mailbox.apply(...args);
      },
    });
  return withMailboxes(user, slow);
}

const withMailboxes = (user: UserMail, change: (mailbox: MailboxMail) => MailboxMail): UserMail =>
  instead(user, {
    mailbox: async (guid) => change(await user.mailbox(guid)),
    mailboxByPath: async (path) => {
      const mailbox = await user.mailboxByPath(path);
      return mailbox === undefined ? undefined : change(mailbox);
    },
  });

function instead<Target extends object>(target: Target, other: Partial<Target>): Target {
  return new Proxy(target, {
    get(_, name) {
      const given: unknown = Reflect.get(other, name) ?? Reflect.get(target, name);
      return typeof given === 'function' ? (given.bind(target) as unknown) : given;
    },
  });
}

/** On the wire neither side names what it can do beyond dsync. */
function withoutFeatures(link: MemoryLink): ByteLink {
  const told = ourFeatures.join(' ');
  return instead<ByteLink>(link, {
    write: (bytes) => {
      const text = Buffer.from(bytes).toString('latin1');
      return link.write(Buffer.from(text.replace(told, 'x'.repeat(told.length)), 'latin1'));
    },
  });
}

const cutOff: ReadonlySet<string> = new Set(['the cable was cut', 'the other side has ended']);

function expectKnown(error: unknown): void {
  const isCut = error instanceof Error && cutOff.has(error.message);
  if (!isCut && !(error instanceof DsyncdError)) throw error;
}
