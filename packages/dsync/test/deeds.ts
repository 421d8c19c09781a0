import { asMailGuid, DsyncdError, type Uid } from '@dsyncd/core';
import type { MailboxMail, MailRecord } from '@dsyncd/mailstore';
import fc from 'fast-check';
import type { SimHost, World } from './world.ts';

/** Something that a user, or a network, can do. */
export type Deed =
  | { readonly type: 'deliver'; readonly host: number; readonly box: number }
  | {
      readonly type: 'flag';
      readonly host: number;
      readonly box: number;
      readonly mail: number;
      readonly bit: number;
      readonly set: boolean;
    }
  | {
      readonly type: 'keyword';
      readonly host: number;
      readonly box: number;
      readonly mail: number;
      readonly name: string;
      readonly set: boolean;
    }
  | { readonly type: 'expunge'; readonly host: number; readonly box: number; readonly mail: number }
  | {
      readonly type: 'copy' | 'move';
      readonly host: number;
      readonly box: number;
      readonly mail: number;
      readonly to: number;
    }
  | { readonly type: 'create'; readonly host: number; readonly name: string }
  | { readonly type: 'delete'; readonly host: number; readonly name: string }
  | { readonly type: 'rename'; readonly host: number; readonly name: string; readonly to: string }
  | { readonly type: 'subscribe'; readonly host: number; readonly name: string; readonly set: boolean }
  | {
      readonly type: 'attribute';
      readonly host: number;
      readonly box: number;
      readonly value: string | undefined;
    }
  | { readonly type: 'tick' }
  | {
      readonly type: 'sync';
      readonly host: number;
      readonly peer: number;
      readonly kind: 'incremental' | 'normal' | 'full';
      readonly fault: 'none' | 'none ' | 'cut' | 'forget' | 'damage';
      readonly at: number;
    };

const host = fc.nat(2);
const box = fc.nat(3);
const mail = fc.nat(6);
const name = fc.constantFrom('Work', 'Work/2026', 'Private', 'Private/x/y', 'Größe', 'inbox/Sub');

export interface DeedOptions {
  /** Deleting mailboxes takes mails with it that no one saw; laws about mails leave it out. */
  readonly withDeletes: boolean;
}

export const deeds = ({ withDeletes }: DeedOptions): fc.Arbitrary<Deed> => {
  const of = <T extends string>(type: T) => fc.constant(type);
  const mailDeeds = [
    { weight: 6, arbitrary: fc.record({ type: of('deliver'), host, box }) },
    {
      weight: 4,
      arbitrary: fc.record({ type: of('flag'), host, box, mail, bit: fc.nat(4), set: fc.boolean() }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: of('keyword'),
        host,
        box,
        mail,
        name: fc.constantFrom('a', 'B', '__proto__', 'constructor'),
        set: fc.boolean(),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: of('expunge'), host, box, mail }) },
    { weight: 1, arbitrary: fc.record({ type: of('copy'), host, box, mail, to: box }) },
    { weight: 2, arbitrary: fc.record({ type: of('move'), host, box, mail, to: box }) },
  ];
  const nameDeeds = [
    { weight: 2, arbitrary: fc.record({ type: of('create'), host, name }) },
    { weight: withDeletes ? 1 : 0, arbitrary: fc.record({ type: of('delete'), host, name }) },
    { weight: 1, arbitrary: fc.record({ type: of('rename'), host, name, to: name }) },
    { weight: 1, arbitrary: fc.record({ type: of('subscribe'), host, name, set: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ type: of('attribute'), host, box, value: fc.constantFrom('v', 'w', undefined) }),
    },
  ];
  const worldDeeds = [
    { weight: 3, arbitrary: fc.record({ type: of('tick') }) },
    {
      weight: 6,
      arbitrary: fc.record({
        type: of('sync'),
        host,
        peer: host,
        kind: fc.constantFrom('incremental', 'incremental', 'normal', 'full'),
        fault: fc.constantFrom('none', 'none ', 'cut', 'forget', 'damage'),
        at: fc.nat(60),
      }),
    },
  ];
  const weighted = [...mailDeeds, ...nameDeeds, ...worldDeeds] as fc.WeightedArbitrary<Deed>[];
  return fc.oneof(...weighted);
};

/** What the laws want to know afterwards. */
export interface Chronicle {
  readonly delivered: Set<string>;
  /** Mails whose number of instances someone changed on purpose. */
  readonly touched: Set<string>;
}

const tolerated = new Set([
  'DSYNCD_STORE_MAILBOX_EXISTS',
  'DSYNCD_STORE_NO_MAILBOX',
  'DSYNCD_STORE_BAD_RENAME',
  'DSYNCD_STORE_INBOX_STAYS',
]);

export async function act(world: World, deed: Deed, chronicle: Chronicle): Promise<void> {
  try {
    await doDeed(world, deed, chronicle);
  } catch (error) {
    // A user who tries what cannot be done gets an error, that is all.
    if (!(error instanceof DsyncdError) || !tolerated.has(error.code)) throw error;
  }
}

async function doDeed(world: World, deed: Deed, chronicle: Chronicle): Promise<void> {
  if (deed.type === 'tick') {
    world.nowSeconds++;
    return;
  }
  const host = world.host(deed.host);
  const { mail } = host;
  switch (deed.type) {
    case 'sync': {
      const peer = world.host(deed.peer);
      if (peer === host) return;
      await world.sync(host, peer, {
        type: deed.kind,
        ...(deed.fault === 'cut' ? { cutAfter: deed.at } : {}),
        forgetState: deed.fault === 'forget',
        damageState: deed.fault === 'damage',
      });
      return;
    }
    case 'create':
      await mail.createMailbox(deed.name.split('/'));
      return;
    case 'rename':
      return mail.rename(deed.name.split('/'), deed.to.split('/'));
    case 'delete': {
      const mailbox = await mail.mailboxByPath(normal(deed.name));
      if (mailbox !== undefined) await mail.deleteMailbox(mailbox.guid);
      else await mail.deleteDirectory(deed.name.split('/'));
      return;
    }
    case 'subscribe':
      return mail.setSubscribed(deed.name.split('/'), deed.set);
    case 'deliver':
      return deliver(host, await pickBox(host, deed.box), chronicle);
    case 'attribute': {
      const attribute = {
        type: 'private' as const,
        key: 'comment',
        changedAt: world.nowSeconds,
        value: deed.value,
      };
      await (await pickBox(host, deed.box)).apply([{ type: 'attribute', attribute }]);
      return;
    }
    default:
      return touchMail(host, deed, chronicle);
  }
}

const normal = (name: string): string[] => name.replace(/^inbox/, 'INBOX').split('/');

async function pickBox(host: SimHost, index: number): Promise<MailboxMail> {
  const tree = await host.mail.tree();
  const guids = tree.nodes.flatMap(({ mailbox }) => (mailbox === undefined ? [] : [mailbox.guid]));
  const guid = guids[index % guids.length];
  if (guid === undefined) throw new Error('a user without INBOX');
  return host.mail.mailbox(guid);
}

let bodies = 0;

async function deliver(host: SimHost, mailbox: MailboxMail, chronicle: Chronicle): Promise<void> {
  const text = `Subject: ${++bodies}\r\n\r\n.body on ${host.name}\r\n`;
  const body = await host.mail.stageBody(
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
  const { results } = await mailbox.apply([{ type: 'save', body }]);
  const [result] = results;
  if (result === undefined || !('uid' in result)) throw new Error('not saved');
  const saved = await mailbox.mail(result.uid);
  if (saved !== undefined) chronicle.delivered.add(saved.guid);
}

type MailDeed = Extract<Deed, { type: 'flag' | 'keyword' | 'expunge' | 'copy' | 'move' }>;

async function touchMail(host: SimHost, deed: MailDeed, chronicle: Chronicle): Promise<void> {
  const mailbox = await pickBox(host, deed.box);
  const mails = await mailbox.mails(1 as Uid, 1000);
  const record = mails[deed.mail % Math.max(mails.length, 1)];
  if (record === undefined) return;
  const { uid } = record;
  if (deed.type === 'flag') {
    const bits = 1 << deed.bit;
    await mailbox.apply([{ type: 'flags', uid, ...(deed.set ? { addFlags: bits } : { removeFlags: bits }) }]);
  } else if (deed.type === 'keyword') {
    const names = [deed.name];
    await mailbox.apply([
      { type: 'flags', uid, ...(deed.set ? { addKeywords: names } : { removeKeywords: names }) },
    ]);
  } else {
    chronicle.touched.add(record.guid);
    if (deed.type !== 'expunge') await copy(await pickBox(host, deed.to), mailbox, record);
    if (deed.type !== 'copy') await mailbox.apply([{ type: 'expunge', uid }]);
  }
}

async function copy(to: MailboxMail, from: MailboxMail, record: MailRecord): Promise<void> {
  const { uid, guid, flags, keywords, receivedAt } = record;
  await to.apply([
    { type: 'save', body: { mailbox: from.guid, uid }, guid: asMailGuid(guid), flags, keywords, receivedAt },
  ]);
}
