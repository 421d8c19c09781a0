import { createHash } from 'node:crypto';
import { asModSeq, asUid, type UserName } from '@dsyncd/core';
import type { MailboxMail, MailboxNode, MailStore, UserMail } from '@dsyncd/mailstore';

/** What one user has on one host, in a form that can be compared: a line a thing. */
export interface MailSnapshot {
  readonly mailboxes: ReadonlyMap<string, MailboxSnapshot>;
  /** Directories and subscriptions. */
  readonly names: readonly string[];
}

export interface MailboxSnapshot {
  readonly identity: string;
  /** One line a mail: UID, GUID, flags, keywords, hash of the body when bodies are compared. */
  readonly mails: readonly string[];
  readonly attributes: readonly string[];
}

export interface ComparedMailbox {
  readonly user: string;
  readonly mailbox: string;
  readonly mails: number;
  readonly isEqual: boolean;
  /** First thing that differs, for people. */
  readonly difference?: string;
}

/** Everything that must be equal on two hosts in the end. `withBodies` also reads and hashes every body. */
export async function snapshotUser(
  store: MailStore,
  user: UserName,
  options: { readonly withBodies: boolean },
): Promise<MailSnapshot> {
  const mail = await store.open(user);
  try {
    const { nodes } = await mail.tree();
    const mailboxes = new Map<string, MailboxSnapshot>();
    for (const node of nodes) {
      if (node.mailbox !== undefined)
        mailboxes.set(node.path.join('/'), await snapshotMailbox(mail, node, options.withBodies));
    }
    return { mailboxes, names: nodes.map(nameLine).sort() };
  } finally {
    await mail.close();
  }
}

/** A name that is neither a mailbox nor subscribed is only there for its children, and each host may know it or not. */
const nameLine = (node: MailboxNode): string =>
  `${node.path.join('/')}${node.mailbox ? ' mailbox' : ''}${node.subscribed ? ' subscribed' : ''}`;

async function snapshotMailbox(
  mail: UserMail,
  node: MailboxNode,
  withBodies: boolean,
): Promise<MailboxSnapshot> {
  const status = node.mailbox;
  if (status === undefined) return { identity: '', mails: [], attributes: [] };
  const mailbox = await mail.mailbox(status.guid);
  const mails: string[] = [];
  const pageSize = 500;
  for (let from = 1; ; ) {
    const page = await mailbox.mails(asUid(from), pageSize);
    for (const record of page) {
      const keywords = [...record.keywords].sort().join(',');
      const body = withBodies ? ` ${await hashBody(mailbox, record.uid)}` : '';
      mails.push(`uid=${record.uid} guid=${record.guid} flags=${record.flags} keywords=${keywords}${body}`);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) break;
    from = last.uid + 1;
  }
  const attributes = await mailbox.attributes(asModSeq(0));
  return {
    identity: `guid=${status.guid} uidvalidity=${status.uidValidity}`,
    mails,
    attributes: attributes
      .filter((attribute) => attribute.value !== undefined)
      .map((attribute) => `${attribute.type} ${attribute.key}=${attribute.value}`)
      .sort(),
  };
}

/** SHA-256 of a mail's bytes, in hexadecimal. */
export async function hashBody(
  mailbox: MailboxMail,
  uid: Parameters<MailboxMail['body']>[0],
): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of await mailbox.body(uid)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Compares one user on two hosts, mailbox by mailbox. */
export function compareSnapshots(user: string, a: MailSnapshot, b: MailSnapshot): readonly ComparedMailbox[] {
  const paths = [...new Set([...a.mailboxes.keys(), ...b.mailboxes.keys()])].sort();
  const compared = paths.map((mailbox): ComparedMailbox => {
    const onA = a.mailboxes.get(mailbox);
    const onB = b.mailboxes.get(mailbox);
    const mails = (onA ?? onB)?.mails.length ?? 0;
    const difference = firstDifference(lines(onA), lines(onB));
    return difference === undefined
      ? { user, mailbox, mails, isEqual: true }
      : { user, mailbox, mails, isEqual: false, difference };
  });
  const names = firstDifference(a.names, b.names);
  if (names !== undefined)
    compared.push({ user, mailbox: '(names)', mails: 0, isEqual: false, difference: names });
  return compared;
}

const lines = (mailbox: MailboxSnapshot | undefined): readonly string[] =>
  mailbox === undefined ? ['(missing)'] : [mailbox.identity, ...mailbox.mails, ...mailbox.attributes];

function firstDifference(a: readonly string[], b: readonly string[]): string | undefined {
  const index = a.findIndex((line, position) => line !== b[position]);
  if (index >= 0) return `A: ${a[index]}; B: ${b[index] ?? '(nothing)'}`;
  return a.length < b.length ? `A: (nothing); B: ${b[a.length]}` : undefined;
}
