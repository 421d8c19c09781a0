import { asUid, DsyncdError, type Random } from '@dsyncd/core';
import {
  flagBits,
  type MailboxMail,
  type MailboxNode,
  type MailRecord,
  type UserMail,
} from '@dsyncd/mailstore';
import { hashBody } from './compare.ts';

/** Hears what happens to mails before it happens. */
export interface ActionWitness {
  expunging(hash: string): void;
  moving(hash: string): void;
  deletingMailbox(): void;
}

/** What people do with their mail: one change each. Answers what was done, or undefined when there was nothing to do it to. */
export type Action = (mail: UserMail, random: Random, witness: ActionWitness) => Promise<string | undefined>;

const pick = <T>(random: Random, list: readonly T[]): T | undefined =>
  list[Math.floor(random.fraction() * list.length)];

const folderNames = ['Work', 'Work/2026', 'Family', 'Lists & News', 'Entwürfe', 'Ärger/Müll', 'Trips.Old'];
const keywordNames = ['$Forwarded', 'todo', '$label1'];

async function somePlace(mail: UserMail, random: Random): Promise<MailboxMail | undefined> {
  const { nodes } = await mail.tree();
  const node = pick(
    random,
    nodes.filter((each) => each.mailbox !== undefined),
  );
  return node?.mailbox === undefined ? undefined : mail.mailbox(node.mailbox.guid);
}

async function someMail(
  mail: UserMail,
  random: Random,
): Promise<{ mailbox: MailboxMail; record: MailRecord } | undefined> {
  const mailbox = await somePlace(mail, random);
  const record = mailbox && pick(random, await mailbox.mails(asUid(1), 1000));
  return mailbox !== undefined && record !== undefined ? { mailbox, record } : undefined;
}

/** A mailbox that may be renamed or deleted. */
async function someFolder(mail: UserMail, random: Random): Promise<MailboxNode | undefined> {
  const { nodes } = await mail.tree();
  return pick(
    random,
    nodes.filter((node) => node.mailbox !== undefined && node.path[0] !== 'INBOX'),
  );
}

const changeFlags: Action = async (mail, random) => {
  const found = await someMail(mail, random);
  if (found === undefined) return undefined;
  const flag = pick(random, [flagBits.seen, flagBits.flagged, flagBits.answered]) ?? flagBits.seen;
  const keyword = pick(random, keywordNames) ?? 'todo';
  const isAdding = random.fraction() < 0.7;
  await found.mailbox.apply([
    isAdding
      ? { type: 'flags', uid: found.record.uid, addFlags: flag, addKeywords: [keyword] }
      : { type: 'flags', uid: found.record.uid, removeFlags: flag, removeKeywords: [keyword] },
  ]);
  return 'flags changed';
};

const expunge: Action = async (mail, random, witness) => {
  const found = await someMail(mail, random);
  if (found === undefined) return undefined;
  witness.expunging(await hashBody(found.mailbox, found.record.uid));
  await found.mailbox.apply([{ type: 'expunge', uid: found.record.uid, guid: found.record.guid }]);
  return 'expunged';
};

/** Copy first, expunge then: a crash between the two leaves both, never none. */
const move: Action = async (mail, random, witness) => {
  const found = await someMail(mail, random);
  const target = await somePlace(mail, random);
  if (found === undefined || target === undefined || target.guid === found.mailbox.guid) return undefined;
  const { guid, uid, flags, keywords, receivedAt } = found.record;
  witness.moving(await hashBody(found.mailbox, uid));
  const body = { mailbox: found.mailbox.guid, uid };
  await target.apply([{ type: 'save', guid, body, flags, keywords, receivedAt }]);
  await found.mailbox.apply([{ type: 'expunge', uid, guid }]);
  return 'moved';
};

const create: Action = async (mail, random) => {
  const path = (pick(random, folderNames) ?? 'Work').split('/');
  if ((await mail.mailboxByPath(path)) !== undefined) return undefined;
  await mail.createMailbox(path);
  return 'mailbox created';
};

const rename: Action = async (mail, random) => {
  const folder = await someFolder(mail, random);
  if (folder === undefined) return undefined;
  const to = [`${folder.path[0]?.replace(/ \d+$/, '')} ${Math.floor(random.fraction() * 100)}`];
  const { nodes } = await mail.tree();
  if (nodes.some((node) => node.path.join('/') === to.join('/'))) return undefined;
  await mail.rename(folder.path, to);
  return 'mailbox renamed';
};

const remove: Action = async (mail, random, witness) => {
  const folder = await someFolder(mail, random);
  if (folder?.mailbox === undefined) return undefined;
  witness.deletingMailbox();
  await mail.deleteMailbox(folder.mailbox.guid);
  return 'mailbox deleted';
};

const subscribe: Action = async (mail, random) => {
  const folder = await someFolder(mail, random);
  if (folder === undefined) return undefined;
  await mail.setSubscribed(folder.path, !folder.subscribed);
  return folder.subscribed ? 'unsubscribed' : 'subscribed';
};

/** Actions by how often people do them. */
const actions: readonly (readonly [weight: number, action: Action])[] = [
  [10, changeFlags],
  [3, expunge],
  [4, move],
  [3, create],
  [1, rename],
  [1, remove],
  [2, subscribe],
];
const weightSum = actions.reduce((sum, [weight]) => sum + weight, 0);

/** Does one random action; answers its name, or undefined when it found nothing to do or someone else was faster. */
export async function doSomething(
  mail: UserMail,
  random: Random,
  witness: ActionWitness = nobody,
): Promise<string | undefined> {
  try {
    return await chooseDeed(random)(mail, random, witness);
  } catch (error) {
    if (error instanceof DsyncdError && overtaken.has(error.code)) return undefined;
    throw error;
  }
}

const nobody: ActionWitness = { expunging: () => {}, moving: () => {}, deletingMailbox: () => {} };

function chooseDeed(random: Random): Action {
  let left = random.fraction() * weightSum;
  for (const [weight, action] of actions) {
    left -= weight;
    if (left < 0) return action;
  }
  return changeFlags;
}

/** A sync or another process changed the same thing a moment before. */
const overtaken: ReadonlySet<string> = new Set([
  'DSYNCD_STORE_NO_MAILBOX',
  'DSYNCD_STORE_NO_MAIL',
  'DSYNCD_STORE_MAILBOX_EXISTS',
]);
