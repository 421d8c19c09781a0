/** What the contract's cases share: a store with one user, mails to save, a clock that can be set. */

import {
  asMailboxGuid,
  asMailGuid,
  asModSeq,
  asUid,
  type Clock,
  DsyncdError,
  type MailboxGuid,
  type MailboxPath,
  type MailGuid,
  parseUserName,
  type Random,
  systemClock,
  systemRandom,
  type Uid,
} from '@dsyncd/core';
import { afterEach, beforeEach, expect } from 'vitest';
import type {
  ApplyResult,
  MailboxMail,
  MailboxNode,
  MailboxTree,
  MailChange,
  MailRecord,
  MailStore,
  SaveChange,
  StoreLimits,
  UserMail,
} from '../port.ts';

/** A store that the contract checks, with what a test must be able to do to it from outside. */
export interface StoreUnderTest {
  readonly store: MailStore;
  /** Takes a mail's body away behind the store's back. */
  loseBody(mail: UserMail, mailbox: MailboxGuid, uid: Uid): Promise<void>;
  dispose(): Promise<void>;
}

/** One that keeps what it was given when it is closed. */
export interface DurableStoreUnderTest extends StoreUnderTest {
  /** Closes the store and opens it anew on the same data. */
  readonly reopen: () => Promise<MailStore>;
}

export interface OpenStoreOptions {
  /** Says the contract's time; sleeps and timers are real. */
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Partial<StoreLimits>;
}

export type OpenStore = (options: OpenStoreOptions) => Promise<StoreUnderTest>;
export type OpenDurableStore = (options: OpenStoreOptions) => Promise<DurableStoreUnderTest>;

/** The time at which every case begins; Unix seconds. */
export const startSeconds = 1_700_000_000;
export const alice = parseUserName('alice@example.com');

export class Bench {
  readonly #openStore: OpenStore;
  nowSeconds = startSeconds;
  #opened: StoreUnderTest[] = [];
  #underTest: StoreUnderTest | undefined;
  #mail: UserMail | undefined;

  constructor(openStore: OpenStore, limits: Partial<StoreLimits> = {}) {
    this.#openStore = openStore;
    beforeEach(async () => {
      this.nowSeconds = startSeconds;
      this.#underTest = await this.open(limits);
      this.#mail = await this.underTest.store.open(alice, { create: true });
    });
    afterEach(async () => {
      await this.#mail?.close();
      for (const store of this.#opened.splice(0)) await store.dispose();
    });
  }

  async open(limits: Partial<StoreLimits> = {}): Promise<StoreUnderTest> {
    const clock: Clock = { ...systemClock, now: () => this.nowSeconds * 1000 };
    const opened = await this.#openStore({ clock, random: systemRandom, limits });
    this.#opened.push(opened);
    return opened;
  }

  get underTest(): StoreUnderTest {
    return present(this.#underTest);
  }

  get mail(): UserMail {
    return present(this.#mail);
  }

  async inbox(): Promise<MailboxMail> {
    return present(await this.mail.mailboxByPath(['INBOX']));
  }

  /** Creates a mailbox and answers its mails. */
  async create(path: MailboxPath, guid?: MailboxGuid): Promise<MailboxMail> {
    const info = await this.mail.createMailbox(path, guid === undefined ? {} : { guid });
    return this.mail.mailbox(info.guid);
  }

  async node(path: MailboxPath): Promise<MailboxNode | undefined> {
    return findNode(await this.mail.tree(), path);
  }

  async paths(): Promise<readonly string[]> {
    const { nodes } = await this.mail.tree();
    return nodes.map(({ path, mailbox, exists }) => `${path.join('/')}${mailbox ? '' : exists ? '/' : '?'}`);
  }

  /** Saves a mail with the given text as its body and answers its record. */
  async save(
    mailbox: MailboxMail,
    text = 'Subject: x\r\n\r\nhello\r\n',
    rest: Partial<SaveChange> = {},
  ): Promise<MailRecord> {
    const body = await this.mail.stageBody(bytesOf(text));
    const uid = savedUid(await mailbox.apply([{ type: 'save', body, ...rest }]));
    return present(await mailbox.mail(uid));
  }
}

export async function* bytesOf(...parts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield typeof part === 'string' ? Buffer.from(part, 'utf8') : part;
}

export async function bodyOf(mailbox: MailboxMail, uid: Uid): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of await mailbox.body(uid)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

export function present<T>(value: T | undefined): T {
  expect(value).toBeDefined();
  if (value === undefined) throw new Error('missing');
  return value;
}

export function savedUid(result: ApplyResult, index = 0): Uid {
  const entry = present(result.results[index]);
  if ('uid' in entry) return entry.uid;
  throw new Error('that change was no save');
}

export const findNode = (tree: MailboxTree, path: MailboxPath): MailboxNode | undefined =>
  tree.nodes.find((node) => node.path.join('/') === path.join('/'));

export async function expectError(promise: Promise<unknown>, code: string): Promise<DsyncdError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DsyncdError))
    throw new Error(`not an error of ours, wanted ${code}`, { cause: error });
  expect(error.code).toBe(code);
  return error;
}

export async function applyOne(mailbox: MailboxMail, change: MailChange): Promise<ApplyResult> {
  const result = await mailbox.apply([change]);
  expect(result.results).toHaveLength(1);
  return result;
}

export const allMails = (mailbox: MailboxMail): Promise<readonly MailRecord[]> =>
  mailbox.mails(asUid(1), 1000);
export const everything = { modSeq: asModSeq(0), afterUid: asUid(0) };
export const mailGuid = (digit: string): MailGuid => asMailGuid(digit.repeat(32));
export const mailboxGuid = (digit: string): MailboxGuid => asMailboxGuid(digit.repeat(32));
