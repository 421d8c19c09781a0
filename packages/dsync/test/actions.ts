import { asMailGuid, DsyncdError, type Uid } from '@dsyncd/core';
import type { MailboxMail, MailRecord } from '@dsyncd/mailstore';
import fc from 'fast-check';
import type { SimHost, World } from './world.ts';

/** Something that a user, or a network, can do. */
export type Action =
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

export interface ActionOptions {
  /** Deleting mailboxes takes mails with it that no one saw; laws about mails leave it out. */
  readonly withDeletes: boolean;
}

export const actions = ({ withDeletes }: ActionOptions): fc.Arbitrary<Action> => {
  const of = <T extends string>(type: T) => fc.constant(type);
  const mailActions = [
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
  const nameActions = [
    { weight: 2, arbitrary: fc.record({ type: of('create'), host, name }) },
    { weight: withDeletes ? 1 : 0, arbitrary: fc.record({ type: of('delete'), host, name }) },
    { weight: 1, arbitrary: fc.record({ type: of('rename'), host, name, to: name }) },
    { weight: 1, arbitrary: fc.record({ type: of('subscribe'), host, name, set: fc.boolean() }) },
    {
      weight: 1,
      arbitrary: fc.record({ type: of('attribute'), host, box, value: fc.constantFrom('v', 'w', undefined) }),
    },
  ];
  const worldActions = [
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
  const weighted = [...mailActions, ...nameActions, ...worldActions] as fc.WeightedArbitrary<Action>[];
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

export async function act(world: World, action: Action, chronicle: Chronicle): Promise<void> {
  try {
    await doAction(world, action, chronicle);
  } catch (error) {
    // A user who tries what cannot be done gets an error, that is all.
    if (!(error instanceof DsyncdError) || !tolerated.has(error.code)) throw error;
  }
}

async function doAction(world: World, action: Action, chronicle: Chronicle): Promise<void> {
  if (action.type === 'tick') {
    world.nowSeconds++;
    return;
  }
  const host = world.host(action.host);
  const { mail } = host;
  switch (action.type) {
    case 'sync': {
      const peer = world.host(action.peer);
      if (peer === host) return;
      await world.sync(host, peer, {
        type: action.kind,
        ...(action.fault === 'cut' ? { cutAfter: action.at } : {}),
        forgetState: action.fault === 'forget',
        damageState: action.fault === 'damage',
      });
      return;
    }
    case 'create':
      await mail.createMailbox(action.name.split('/'));
      return;
    case 'rename':
      return mail.rename(action.name.split('/'), action.to.split('/'));
    case 'delete': {
      const mailbox = await mail.mailboxByPath(normal(action.name));
      if (mailbox !== undefined) await mail.deleteMailbox(mailbox.guid);
      else await mail.deleteDirectory(action.name.split('/'));
      return;
    }
    case 'subscribe':
      return mail.setSubscribed(action.name.split('/'), action.set);
    case 'deliver':
      return deliver(host, await pickBox(host, action.box), chronicle);
    case 'attribute': {
      const attribute = {
        type: 'private' as const,
        key: 'comment',
        changedAt: world.nowSeconds,
        value: action.value,
      };
      await (await pickBox(host, action.box)).apply([{ type: 'attribute', attribute }]);
      return;
    }
    default:
      return touchMail(host, action, chronicle);
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

type MailAction = Extract<Action, { type: 'flag' | 'keyword' | 'expunge' | 'copy' | 'move' }>;

async function touchMail(host: SimHost, action: MailAction, chronicle: Chronicle): Promise<void> {
  const mailbox = await pickBox(host, action.box);
  const mails = await mailbox.mails(1 as Uid, 1000);
  const record = mails[action.mail % Math.max(mails.length, 1)];
  if (record === undefined) return;
  const { uid } = record;
  if (action.type === 'flag') {
    const bits = 1 << action.bit;
    await mailbox.apply([
      { type: 'flags', uid, ...(action.set ? { addFlags: bits } : { removeFlags: bits }) },
    ]);
  } else if (action.type === 'keyword') {
    const names = [action.name];
    await mailbox.apply([
      { type: 'flags', uid, ...(action.set ? { addKeywords: names } : { removeKeywords: names }) },
    ]);
  } else {
    chronicle.touched.add(record.guid);
    if (action.type !== 'expunge') await copy(await pickBox(host, action.to), mailbox, record);
    if (action.type !== 'copy') await mailbox.apply([{ type: 'expunge', uid }]);
  }
}

async function copy(to: MailboxMail, from: MailboxMail, record: MailRecord): Promise<void> {
  const { uid, guid, flags, keywords, receivedAt } = record;
  await to.apply([
    { type: 'save', body: { mailbox: from.guid, uid }, guid: asMailGuid(guid), flags, keywords, receivedAt },
  ]);
}
