import type { Random } from '@dsyncd/core';
import type { StormMail } from './storm-host.ts';
import type { StormLedger } from './storm-ledger.ts';

/** One side of a storm and its means: where mailbox names must not collide, each host has its own prefix. */
export interface Doer {
  readonly mail: StormMail;
  readonly random: Random;
  readonly ledger: StormLedger;
  /** Before each new name; empty where both hosts take the same ones. */
  readonly prefix: string;
}

/** One change as people make it. Answers false where there was nothing to do it to. */
export type StormDeed = (doer: Doer) => Promise<boolean>;

const pick = <T>(random: Random, list: readonly T[]): T | undefined =>
  list[Math.floor(random.fraction() * list.length)];

/** Mailboxes whose names begin so may be deleted; mails that are put there may vanish. */
const scrap = 'scrap';
const isScrap = (name: string): boolean => name.includes(scrap);
const flagWords = ['\\Seen', '\\Flagged', '\\Answered', '\\Deleted', 'todo', '$label1', '$Forwarded'];

async function someMail({ mail, random }: Doer): Promise<{ mailbox: string; uid: number } | undefined> {
  const mailbox = pick(random, await mail.mailboxes());
  const uid = mailbox === undefined ? undefined : pick(random, await mail.uids(mailbox));
  return mailbox === undefined || uid === undefined ? undefined : { mailbox, uid };
}

const newName = ({ random, prefix }: Doer, kind: string): string =>
  `${prefix}${kind}${Math.floor(random.fraction() * 6)}`;

const changeFlag: StormDeed = async (doer) => {
  const found = await someMail(doer);
  if (found === undefined) return false;
  const { mail, random } = doer;
  await mail.flag(found.mailbox, found.uid, pick(random, flagWords) ?? 'todo', random.fraction() < 0.6);
  return true;
};

const move: StormDeed = async (doer) => {
  const { mail, random, ledger } = doer;
  const found = await someMail(doer);
  const to = pick(random, await mail.mailboxes());
  if (found === undefined || to === undefined || to === found.mailbox) return false;
  const messageId = await mail.messageId(found.mailbox, found.uid);
  if (messageId === undefined) return false;
  ledger.moving(messageId);
  if (isScrap(to)) ledger.vanishing(messageId);
  await mail.move(found.mailbox, found.uid, to);
  return true;
};

const expunge: StormDeed = async (doer) => {
  const found = await someMail(doer);
  if (found === undefined) return false;
  const messageId = await doer.mail.messageId(found.mailbox, found.uid);
  if (messageId === undefined) return false;
  doer.ledger.vanishing(messageId);
  await doer.mail.expunge(found.mailbox, found.uid);
  return true;
};

const create: StormDeed = async (doer) => {
  const kind = pick(doer.random, ['keep', scrap]) ?? 'keep';
  await doer.mail.create(newName(doer, kind));
  return true;
};

const rename: StormDeed = async (doer) => {
  const { mail, random } = doer;
  const from = pick(
    random,
    (await mail.mailboxes()).filter((name) => name !== 'INBOX' && !name.includes('/')),
  );
  if (from === undefined) return false;
  await mail.rename(from, newName(doer, isScrap(from) ? scrap : 'keep'));
  return true;
};

const remove: StormDeed = async ({ mail, random }) => {
  const name = pick(random, (await mail.mailboxes()).filter(isScrap));
  if (name === undefined) return false;
  await mail.delete(name);
  return true;
};

const subscribe: StormDeed = async ({ mail, random }) => {
  const name = pick(random, await mail.mailboxes());
  if (name === undefined) return false;
  await mail.subscribe(name, random.fraction() < 0.7);
  return true;
};

/** Actions by how often people do them. */
const actions = {
  flag: [12, changeFlag],
  move: [5, move],
  expunge: [3, expunge],
  create: [2, create],
  rename: [1, rename],
  delete: [1, remove],
  subscribe: [1, subscribe],
} satisfies Record<string, readonly [weight: number, action: StormDeed]>;

/** Does one random action; answers its name, or undefined when it found nothing to do it to. */
export async function doStormDeed(doer: Doer): Promise<string | undefined> {
  const sum = Object.values(actions).reduce((total, [weight]) => total + weight, 0);
  let left = doer.random.fraction() * sum;
  for (const [name, [weight, action]] of Object.entries(actions)) {
    left -= weight;
    if (left < 0) return (await action(doer)) ? name : undefined;
  }
  return undefined;
}
