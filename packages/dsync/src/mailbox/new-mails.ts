import {
  asMailGuid,
  asUid,
  DsyncdError,
  keywordsWithout,
  type MailboxGuid,
  type MailGuid,
} from '@dsyncd/core';
import type { MailChange, MailPlace, MailRecord, SaveChange, StagedBody, UserMail } from '@dsyncd/mailstore';
import type { MailChangeItem, MailItem, MailRequest } from '@dsyncd/protocol';
import type { Counts } from '../options.ts';
import type { Assigned } from './assign-uids.ts';
import type { LocalNew, RemoteNew } from './compare.ts';
import { mergeFlags } from './who-wins.ts';
import type { MailboxWriter } from './writer.ts';

/** A mail to be saved under its agreed UID, as soon as its body is here. */
interface Wanted {
  readonly uid: number;
  readonly guid: string;
  readonly flags: number;
  readonly keywords: readonly string[];
  readonly local?: MailRecord;
  /** The same mail under the UID that the peer gave up; goes with the save. */
  readonly replaced?: ExpungeChange;
  body: StagedBody | MailPlace | undefined;
  dates: Pick<SaveChange, 'receivedAt' | 'savedAt' | 'pop3Uidl' | 'pop3Order'>;
  /** The peer does not have the body (any more). */
  isMissing: boolean;
}

export type ExpungeChange = MailChange & { readonly type: 'expunge' };

const guidsAtOnce = 1000;

export interface NewMailsContext {
  readonly user: UserMail;
  readonly mailbox: MailboxGuid;
  readonly writer: MailboxWriter;
  readonly lastCommonModSeq: number;
  readonly isMaster: boolean;
  readonly isDryRun: boolean;
  readonly counts: Counts;
}

/**
 * Saves what is new in a mailbox in the order of the agreed UIDs (a store gives out UIDs only
 * upwards), taking each body from another mail of the user where there is one, or else from the peer.
 */
export class NewMails {
  readonly #context: NewMailsContext;
  readonly #waitingByGuid = new Map<string, Wanted[]>();
  #wanted: Wanted[] = [];
  #next = 0;
  #saved = new Map<string, MailPlace>();
  /** Old UIDs of mails that have a new one: nothing can be copied from there any more. */
  readonly #renumbered = new Set<number>();
  /** Lowest UID whose body the peer could not give. */
  missingUid: number | undefined;
  conflicts = 0;

  constructor(context: NewMailsContext) {
    this.#context = context;
  }

  /**
   * Plans what to save, and answers what to ask the peer for.
   * @param replaced - by GUID, mails of ours that the peer has under another UID by now: they go with the save
   */
  async plan(
    assigned: readonly Assigned<LocalNew, RemoteNew>[],
    replaced: ReadonlyMap<string, ExpungeChange> = new Map(),
  ): Promise<MailRequest[]> {
    const unused = new Map(replaced);
    for (const { local, remote, uid } of assigned) {
      const guid = local === undefined ? (remote?.guid ?? '') : '';
      await this.#planOne(local, remote, uid, unused.get(guid));
      unused.delete(guid);
    }
    await this.#forgetLostBodies();
    await this.#findBodies();
    const requests: MailRequest[] = [];
    for (const wanted of this.#wanted) {
      if (wanted.body !== undefined) continue;
      const list = this.#waitingByGuid.get(wanted.guid);
      if (list !== undefined) {
        list.push(wanted);
        continue;
      }
      this.#waitingByGuid.set(wanted.guid, [wanted]);
      requests.push({ type: 'request', guid: wanted.guid });
    }
    if (this.#context.isDryRun) return [];
    await this.#saveReady();
    return requests;
  }

  async #planOne(
    local: LocalNew | undefined,
    remote: RemoteNew | undefined,
    uid: number,
    replaced: ExpungeChange | undefined,
  ): Promise<void> {
    const edit =
      local === undefined || remote === undefined
        ? undefined
        : mergeFlags(local.mail, remote.change, this.#context);
    if (edit?.isConflict === true) this.conflicts++;
    if (local !== undefined && local.uid === uid) {
      if (edit !== undefined) await this.#context.writer.push({ type: 'flags', uid: asUid(uid), ...edit });
      return;
    }
    this.#wanted.push(
      local === undefined
        ? { ...wantedOfRemote(uid, remote), replaced }
        : wantedOfLocal(uid, local.mail, edit, this.#context.mailbox),
    );
  }

  /** A mail of ours that gets another UID cannot be copied from a body that is lost; another copy may serve, or the peer's. */
  async #forgetLostBodies(): Promise<void> {
    const { user, mailbox } = this.#context;
    const renumbered = this.#wanted.filter(({ local }) => local !== undefined);
    if (renumbered.length === 0) return;
    const lost = new Set<number>(await (await user.mailbox(mailbox)).lostBodies());
    for (const wanted of renumbered)
      if (wanted.local !== undefined && lost.has(wanted.local.uid)) wanted.body = undefined;
  }

  async #findBodies(): Promise<void> {
    const lacking = this.#wanted.filter(({ body }) => body === undefined);
    for (let from = 0; from < lacking.length; from += guidsAtOnce) {
      const part = lacking.slice(from, from + guidsAtOnce);
      const places = await this.#context.user.findBodies(part.map(({ guid }) => asMailGuid(guid)));
      for (const wanted of part) {
        const place = places.get(wanted.guid as MailGuid);
        if (place === undefined) continue;
        wanted.body = place;
        if (wanted.dates.receivedAt === undefined) wanted.dates = await this.#datesAt(place);
      }
    }
  }

  /** A copy was received when the mail was that it is a copy of. */
  async #datesAt({ mailbox, uid }: MailPlace): Promise<Wanted['dates']> {
    const mail = await (await this.#context.user.mailbox(mailbox)).mail(uid);
    return mail === undefined ? {} : { receivedAt: mail.receivedAt };
  }

  isWaitingFor(guid: string): boolean {
    return this.#waitingByGuid.has(guid);
  }

  /** Takes the body of a mail that was asked for. */
  async take(guid: string, item: MailItem, body: StagedBody | undefined): Promise<void> {
    const waiting = this.#waitingByGuid.get(guid);
    if (waiting === undefined) {
      await body?.discard();
      return;
    }
    this.#waitingByGuid.delete(guid);
    waiting.forEach((wanted, index) => {
      if (index === 0) wanted.body = body;
      wanted.isMissing = body === undefined;
      wanted.dates = { ...wanted.dates, ...datesOf(item) };
    });
    if (body !== undefined) this.#context.counts.mailsReceived++;
    await this.#saveReady();
  }

  /** After the peer's last mail: what did not come is missing. */
  async finish(): Promise<void> {
    for (const waiting of this.#waitingByGuid.values()) for (const wanted of waiting) wanted.isMissing = true;
    this.#waitingByGuid.clear();
    await this.#saveReady();
  }

  /** Gives staged bodies back after a failure. */
  async discard(): Promise<void> {
    for (const { body } of this.#wanted.slice(this.#next))
      if (body !== undefined && 'discard' in body) await body.discard();
  }

  async #saveReady(): Promise<void> {
    for (let wanted = this.#wanted[this.#next]; wanted !== undefined; wanted = this.#wanted[this.#next]) {
      if (wanted.isMissing) await this.#giveUp(wanted);
      else if (!(await this.#save(wanted))) return;
      this.#next++;
    }
  }

  async #giveUp({ uid, replaced }: Wanted): Promise<void> {
    this.missingUid ??= uid;
    if (replaced !== undefined) await this.#context.writer.push(replaced);
  }

  /** Answers false while the body is not here yet. */
  async #save(wanted: Wanted): Promise<boolean> {
    const { writer, mailbox, counts } = this.#context;
    if (wanted.body !== undefined && 'mailbox' in wanted.body && wanted.body.mailbox === mailbox)
      if (this.#renumbered.has(wanted.body.uid)) wanted.body = undefined;
    if (wanted.body === undefined) {
      // Another instance of a mail whose body came with the first one.
      if (this.#waitingByGuid.has(wanted.guid)) return false;
      if (!this.#saved.has(wanted.guid)) await writer.flush();
      wanted.body = this.#saved.get(wanted.guid);
      if (wanted.body === undefined) {
        await this.#giveUp(wanted);
        return true;
      }
    }
    if ('mailbox' in wanted.body && wanted.local === undefined) {
      counts.mailsReceived++;
      counts.bodiesSpared++;
    }
    const { uid, guid, flags, keywords, body, dates, local } = wanted;
    const replaced: ExpungeChange | undefined =
      local === undefined ? wanted.replaced : { type: 'expunge', uid: local.uid, guid: local.guid };
    const change: SaveChange = {
      type: 'save',
      uid: asUid(uid),
      guid: asMailGuid(guid),
      body,
      flags,
      keywords,
      ...dates,
    };
    const onSaved = (savedUid: number): void => {
      this.#saved.set(guid, { mailbox: this.#context.mailbox, uid: asUid(savedUid) });
    };
    if (replaced === undefined) await writer.save(change, onSaved);
    else {
      // Both or neither, or a crash or a cut between the two would double the mail.
      this.#renumbered.add(replaced.uid);
      await writer.save(change, onSaved, replaced);
    }
    return true;
  }
}

export const finalKeywords = (change: MailChangeItem): string[] =>
  change.keywords.filter(({ kind }) => kind === 'final' || kind === 'add-and-final').map(({ name }) => name);

function wantedOfRemote(uid: number, remote: RemoteNew | undefined): Wanted {
  if (remote === undefined || remote.guid === '')
    throw new DsyncdError('DSYNCD_NO_GUIDS', 'the peer has mails without GUIDs', {
      outcome: 'operator',
      hint: 'use a mailbox format with GUIDs on the peer: Maildir, sdbox or mdbox',
    });
  const { guid, change } = remote;
  return {
    uid,
    guid,
    flags: change.finalFlags,
    keywords: finalKeywords(change),
    body: undefined,
    dates: change.receivedAt === undefined ? {} : { receivedAt: change.receivedAt },
    isMissing: false,
  };
}

/** A mail of ours that gets another UID: a copy of itself, and then an expunge. */
function wantedOfLocal(
  uid: number,
  mail: MailRecord,
  edit: ReturnType<typeof mergeFlags>,
  mailbox: MailboxGuid,
): Wanted {
  return {
    uid,
    guid: mail.guid,
    flags: (mail.flags | (edit?.addFlags ?? 0)) & ~(edit?.removeFlags ?? 0),
    keywords: [...keywordsWithout(mail.keywords, edit?.removeKeywords ?? []), ...(edit?.addKeywords ?? [])],
    local: mail,
    body: { mailbox, uid: mail.uid },
    dates: {
      receivedAt: mail.receivedAt,
      savedAt: mail.savedAt,
      pop3Uidl: mail.pop3Uidl,
      pop3Order: mail.pop3Order,
    },
    isMissing: false,
  };
}

const datesOf = (item: MailItem): Wanted['dates'] => ({
  receivedAt: item.receivedAt,
  savedAt: item.savedAt,
  pop3Uidl: item.pop3Uidl,
  pop3Order: item.pop3Order,
});
