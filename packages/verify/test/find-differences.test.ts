import { asUid, parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import {
  flagBits,
  type MailboxMail,
  type MemoryStore,
  openMemoryStore,
  type UserMail,
} from '@dsyncd/mailstore';
import { beforeEach, describe, expect, test } from 'vitest';
import { findDifferences, StoreSide, type UidRange, type VerifySide, verifyUser } from '../src/index.ts';

const user = parseUserName('ann@example.com');

let here: MemoryStore;
let there: MemoryStore;
beforeEach(() => {
  here = openMemoryStore({ clock: systemClock, random: systemRandom });
  there = openMemoryStore({ clock: systemClock, random: systemRandom });
});

async function* text(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('Subject: x\r\n\r\n');
}

const guidOf = (number: number): string => number.toString(16).padStart(32, '0');

/** The mailbox `Work` with that many mails, the same in every store. */
async function fill(store: MemoryStore, count: number): Promise<{ mail: UserMail; work: MailboxMail }> {
  const mail = await store.open(user, { create: true });
  const identity = { guid: guidOf(0xabc), uidValidity: 7 } as never;
  const { guid } = await mail.createMailbox(['Work'], identity);
  const work = await mail.mailbox(guid);
  const body = await mail.stageBody(text());
  const [first] = (await work.apply([{ type: 'save', guid: guidOf(1) as never, body }])).results;
  const place = { mailbox: guid, uid: (first as { uid: never }).uid };
  const changes = Array.from({ length: count - 1 }, (_, index) => ({
    type: 'save' as const,
    guid: guidOf(index + 2) as never,
    body: place,
  }));
  await work.apply(changes);
  return { mail, work };
}

/** INBOX is made by each store by itself; only the mailbox of the test is compared. */
const differences = async (): Promise<readonly object[]> => {
  const { differences } = await findDifferences(
    user,
    new StoreSide('here', here),
    new StoreSide('there', there),
  );
  return differences.filter((each) => !('path' in each) || each.path[0] !== 'INBOX');
};

test('a user whom one side does not have', async () => {
  await here.open(user, { create: true });
  expect(await differences()).toEqual([{ kind: 'user-missing', missing: 'there' }]);
});

describe('of a mailbox', () => {
  let ours: { mail: UserMail; work: MailboxMail };
  let theirs: { mail: UserMail; work: MailboxMail };
  beforeEach(async () => {
    [ours, theirs] = [await fill(here, 1_500), await fill(there, 1_500)];
  });

  test('nothing where both sides are equal', async () => {
    expect(await differences()).toEqual([]);
  });

  test('the mail that one side lacks, the flags and keywords that differ, and the mail with another UID', async () => {
    await theirs.work.apply([{ type: 'expunge', uid: asUid(700) }]);
    await ours.work.apply([
      { type: 'flags', uid: asUid(3), addFlags: flagBits.seen },
      { type: 'flags', uid: asUid(1_400), addKeywords: ['work'] },
      { type: 'expunge', uid: asUid(1_500) },
    ]);
    const body = { mailbox: ours.work.guid, uid: asUid(1) };
    await ours.work.apply([{ type: 'save', guid: guidOf(1_500) as never, body }]);
    const path = ['Work'];
    const plain = { flags: 0, keywords: [] };
    expect(await differences()).toEqual(
      expect.arrayContaining([
        {
          kind: 'flags',
          path,
          uid: 3,
          guid: guidOf(3),
          here: { flags: flagBits.seen, keywords: [] },
          there: plain,
        },
        {
          kind: 'flags',
          path,
          uid: 1_400,
          guid: guidOf(1_400),
          here: { flags: 0, keywords: ['work'] },
          there: plain,
        },
        { kind: 'mail-missing', path, missing: 'there', uid: 700, guid: guidOf(700) },
        { kind: 'mail-uid', path, guid: guidOf(1_500), here: 1_501, there: 1_500 },
      ]),
    );
    expect(await differences()).toHaveLength(4);
  });

  test('its name, its subscription, its UIDVALIDITY', async () => {
    await ours.mail.setSubscribed(['Work'], true);
    await ours.mail.createMailbox(['Only here']);
    await theirs.mail.createMailbox(['Other'], { guid: guidOf(0xdef), uidValidity: 1 } as never);
    await ours.mail.createMailbox(['Other'], { guid: guidOf(0xdef), uidValidity: 2 } as never);
    const found = await differences();
    expect(found).toHaveLength(3);
    expect(found).toEqual(
      expect.arrayContaining([
        { kind: 'subscription', path: ['Work'], subscribed: 'here' },
        { kind: 'mailbox-missing', path: ['Only here'], missing: 'there', mails: 0 },
        { kind: 'uidvalidity', path: ['Other'], here: '2', there: '1' },
      ]),
    );
  });

  test('one mail in many costs a few questions and the mails of one range', async () => {
    await ours.work.apply([{ type: 'flags', uid: asUid(700), addFlags: flagBits.seen }]);
    const far = new Counted(new StoreSide('there', there));
    const { differences: found } = await findDifferences(user, new StoreSide('here', here), far);
    expect(found.filter((each) => each.kind === 'flags')).toHaveLength(1);
    expect(far.questions).toBeLessThanOrEqual(3);
    expect(far.listed).toBeLessThan(100);
  });

  test('what a sync brings between two looks is in flight, and no difference', async () => {
    await ours.work.apply([{ type: 'flags', uid: asUid(5), addFlags: flagBits.seen }]);
    const isolated = new NoInbox(new StoreSide('here', here));
    const options = { clock: systemClock, signal: new AbortController().signal, waitMs: 1 };
    const lasting = await verifyUser(user, isolated, new NoInbox(new StoreSide('there', there)), options);
    expect(lasting).toMatchObject({ inFlight: 0, differences: [{ kind: 'flags', uid: 5 }] });
    const far = new NoInbox(new StoreSide('there', there), async (look) => {
      if (look === 2) await theirs.work.apply([{ type: 'flags', uid: asUid(5), addFlags: flagBits.seen }]);
    });
    expect(await verifyUser(user, isolated, far, options)).toMatchObject({ inFlight: 1, differences: [] });
  });
});

/** Counts what it is asked. */
class Counted implements VerifySide {
  readonly name = 'counted';
  questions = 0;
  listed = 0;
  readonly #side: VerifySide;
  constructor(side: VerifySide) {
    this.#side = side;
  }
  mailboxes(...args: Parameters<VerifySide['mailboxes']>): ReturnType<VerifySide['mailboxes']> {
    this.questions++;
    return this.#side.mailboxes(...args);
  }
  digests(...args: Parameters<VerifySide['digests']>): ReturnType<VerifySide['digests']> {
    this.questions++;
    return this.#side.digests(...args);
  }
  async mails(...[name, mailbox, range]: Parameters<VerifySide['mails']>): ReturnType<VerifySide['mails']> {
    this.questions++;
    const mails = await this.#side.mails(name, mailbox, range satisfies UidRange);
    this.listed += mails.length;
    return mails;
  }
}

class NoInbox extends Counted {
  readonly #onLook: (look: number) => Promise<void>;
  #looks = 0;
  constructor(side: VerifySide, onLook: (look: number) => Promise<void> = async () => {}) {
    super(side);
    this.#onLook = onLook;
  }
  override async mailboxes(
    ...args: Parameters<VerifySide['mailboxes']>
  ): ReturnType<VerifySide['mailboxes']> {
    await this.#onLook(++this.#looks);
    return (await super.mailboxes(...args))?.filter(({ path }) => path[0] !== 'INBOX');
  }
}
