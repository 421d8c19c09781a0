/**
 * The names of one user's mailboxes and what may be done with them, without the mails. Pure: a
 * store loads it, calls one operation, and keeps {@link NameTree.entries} and {@link NameTree.deletions}
 * as they are afterwards; a store on a database writes only what {@link NameTree.touched} names.
 * An operation that throws has changed nothing.
 */

import { checkMailboxPath, type MailboxGuid, type MailboxPath, normalizeMailboxPath } from '@dsyncd/core';
import {
  inboxStaysError,
  limitError,
  mailboxExistsError,
  mailboxGuidExistsError,
  noMailboxError,
  noMailboxNameError,
  renameBelowItselfError,
} from './errors.ts';
import type { DeletionRecord } from './port.ts';

/** One name: a mailbox (`guid`), a directory (`exists` without `guid`) or only subscribed. Times are Unix seconds. */
export interface NameEntry {
  readonly path: MailboxPath;
  readonly exists: boolean;
  readonly guid?: MailboxGuid;
  readonly lastRenamedOrCreated: number;
  readonly subscribed: boolean;
  readonly lastSubscriptionChange: number;
}

interface Renamed {
  readonly inbox: MailboxPath | undefined;
  readonly moved: readonly MailboxGuid[];
}

export class NameTree {
  readonly #entries = new Map<string, NameEntry>();
  /** How many names exist below a key, at any depth. */
  readonly #namesBelow = new Map<string, number>();
  readonly #pathOfGuid = new Map<MailboxGuid, MailboxPath>();
  readonly #deletions = new Map<string, DeletionRecord>();
  /** Keys (see {@link pathKey}) of entries, and keys of deletions (see {@link deletionKey}), set or removed since loading. */
  readonly touched = { entries: new Set<string>(), deletions: new Set<string>() };
  readonly #mailboxesMax: number;

  constructor(
    loaded: { readonly entries: Iterable<NameEntry>; readonly deletions: Iterable<DeletionRecord> },
    mailboxesMax: number,
  ) {
    this.#mailboxesMax = mailboxesMax;
    for (const entry of loaded.entries) this.#set(entry);
    for (const record of loaded.deletions) this.#deletions.set(deletionKey(record), record);
    this.touched.entries.clear();
  }

  /** Sorted by path. */
  entries(): readonly NameEntry[] {
    return [...this.#entries.values()].sort((a, b) => comparePaths(a.path, b.path));
  }

  deletions(): readonly DeletionRecord[] {
    return [...this.#deletions.values()];
  }

  entry(key: string): NameEntry | undefined {
    return this.#entries.get(key);
  }

  deletion(key: string): DeletionRecord | undefined {
    return this.#deletions.get(key);
  }

  guidOf(path: MailboxPath): MailboxGuid | undefined {
    return this.#entries.get(pathKey(path))?.guid;
  }

  pathOf(guid: MailboxGuid): MailboxPath | undefined {
    return this.#pathOfGuid.get(guid);
  }

  /** The path as it is kept. A directory of that name becomes the mailbox; a deletion record of the GUID or name is dropped. */
  createMailbox(name: MailboxPath, guid: MailboxGuid, at: number): MailboxPath {
    const path = checkedPath(name);
    if (this.guidOf(path) !== undefined) throw mailboxExistsError(path);
    const other = this.pathOf(guid);
    if (other !== undefined) throw mailboxGuidExistsError(guid, other);
    this.#checkRoom(path);
    this.#createParents(path, at);
    this.#create(path, at, guid);
    return path;
  }

  createDirectory(name: MailboxPath, at: number): void {
    const path = checkedPath(name);
    if (this.#exists(path)) return;
    this.#checkRoom(path);
    this.#createParents(path, at);
    this.#create(path, at);
  }

  /**
   * Subscriptions stay with the names, and what is below INBOX stays there (RFC 3501, 6.3.5). Every name that moves gets `at` as its time; a directory
   * leaves a deletion record behind, for it has no GUID by which others could follow it.
   * @returns the mailboxes that moved, and the path that a new empty INBOX is wanted for, when INBOX was renamed.
   */
  rename(fromName: MailboxPath, toName: MailboxPath, at: number): Renamed {
    const from = checkedPath(fromName);
    const to = checkedPath(toName);
    if (!this.#exists(from)) throw noMailboxNameError(from);
    if (pathKey(from) === pathKey(to)) return { inbox: undefined, moved: [] };
    if (isBelow(to, from) && !isInbox(from)) throw renameBelowItselfError(from, to);
    if (this.#exists(to)) throw mailboxExistsError(to);
    const moves = this.#withItsOwn(from).map((entry) => ({
      entry,
      path: checkedPath([...to, ...entry.path.slice(from.length)]),
    }));
    this.#checkRoom(to);
    for (const { entry } of moves) this.#vanish(entry, at);
    this.#createParents(to, at);
    for (const { entry, path } of moves) this.#create(path, at, entry.guid);
    const moved = moves.flatMap(({ entry }) => (entry.guid === undefined ? [] : [entry.guid]));
    return { inbox: isInbox(from) ? from : undefined, moved };
  }

  /** A name and all below it, but of INBOX only itself. */
  #withItsOwn(path: MailboxPath): readonly NameEntry[] {
    const entry = this.#entries.get(pathKey(path));
    if (isInbox(path) || !this.#hasChildren(path)) return entry === undefined ? [] : [entry];
    return this.entries().filter(
      (other) => other.exists && (pathKey(other.path) === pathKey(path) || isBelow(other.path, path)),
    );
  }

  deleteMailbox(guid: MailboxGuid, at: number): void {
    const path = this.pathOf(guid);
    const entry = path && this.#entries.get(pathKey(path));
    if (path === undefined || entry === undefined) throw noMailboxError(guid);
    if (isInbox(path)) throw inboxStaysError();
    this.#remove(entry);
    if (this.#hasChildren(path)) this.#create(path, at);
    this.#record({ type: 'mailbox', guid, deletedAt: at });
  }

  deleteDirectory(name: MailboxPath, at: number): void {
    const path = checkedPath(name);
    const entry = this.#entries.get(pathKey(path));
    if (entry?.exists !== true || entry.guid !== undefined || this.#hasChildren(path)) return;
    this.#vanish(entry, at);
  }

  setSubscribed(name: MailboxPath, subscribed: boolean, at: number): void {
    const path = checkedPath(name);
    const present = this.#entries.get(pathKey(path));
    if ((present?.subscribed ?? false) === subscribed) return;
    if (present === undefined) this.#checkRoom(path);
    this.#set({
      ...(present ?? { path, exists: false, lastRenamedOrCreated: 0 }),
      subscribed,
      lastSubscriptionChange: at,
    });
    if (subscribed) this.#forget(deletionKey({ type: 'unsubscribe', path, deletedAt: 0 }));
    else {
      this.#record({ type: 'unsubscribe', path, deletedAt: at });
      if (present?.exists !== true) this.#drop(path);
    }
  }

  /** The GUID that goes is remembered as given up for the other one. */
  changeGuid(guid: MailboxGuid, to: MailboxGuid, at: number): void {
    const path = this.pathOf(guid);
    const entry = path && this.#entries.get(pathKey(path));
    if (path === undefined || entry === undefined) throw noMailboxError(guid);
    if (to === guid) return;
    const other = this.pathOf(to);
    if (other !== undefined) throw mailboxGuidExistsError(to, other);
    this.#pathOfGuid.delete(guid);
    this.#set({ ...entry, guid: to });
    this.#forgetGone(to);
    this.#record({ type: 'given-up', guid, by: to, deletedAt: at });
  }

  /** Notes what happened elsewhere; nothing happens where a mailbox has the GUID, or it is known to be given up. */
  noteGivenUp(guid: MailboxGuid, by: MailboxGuid, at: number): void {
    const record: DeletionRecord = { type: 'given-up', guid, by, deletedAt: at };
    if (guid === by || this.pathOf(guid) !== undefined || this.#deletions.has(deletionKey(record))) return;
    this.#record(record);
  }

  #exists(path: MailboxPath): boolean {
    return this.#entries.get(pathKey(path))?.exists === true;
  }

  #hasChildren(path: MailboxPath): boolean {
    return (this.#namesBelow.get(pathKey(path)) ?? 0) > 0;
  }

  #countBelow(path: MailboxPath, change: number): void {
    if (change === 0) return;
    for (const parent of parentsOf(path)) {
      const key = pathKey(parent);
      this.#namesBelow.set(key, (this.#namesBelow.get(key) ?? 0) + change);
    }
  }

  #checkRoom(path: MailboxPath): void {
    const wanted = [...parentsOf(path), path].filter((name) => !this.#entries.has(pathKey(name))).length;
    if (this.#entries.size + wanted > this.#mailboxesMax)
      throw limitError(`a user may have at most ${this.#mailboxesMax} mailbox names`);
  }

  #createParents(path: MailboxPath, at: number): void {
    for (const parent of parentsOf(path)) if (!this.#exists(parent)) this.#create(parent, at);
  }

  #create(path: MailboxPath, at: number, guid?: MailboxGuid): void {
    const present = this.#entries.get(pathKey(path));
    this.#set({
      path,
      exists: true,
      guid,
      lastRenamedOrCreated: at,
      subscribed: present?.subscribed ?? false,
      lastSubscriptionChange: present?.lastSubscriptionChange ?? 0,
    });
    this.#forget(deletionKey({ type: 'directory', path, deletedAt: 0 }));
    if (guid !== undefined) this.#forgetGone(guid);
  }

  /** A mailbox has the GUID again. */
  #forgetGone(guid: MailboxGuid): void {
    this.#forget(deletionKey({ type: 'mailbox', guid, deletedAt: 0 }));
    this.#forget(deletionKey({ type: 'given-up', guid, by: guid, deletedAt: 0 }));
  }

  /** Removes a name; a directory leaves a deletion record. */
  #vanish(entry: NameEntry, at: number): void {
    this.#remove(entry);
    if (entry.guid === undefined) this.#record({ type: 'directory', path: entry.path, deletedAt: at });
  }

  /** What is left of a removed name: its subscription. */
  #remove(entry: NameEntry): void {
    if (entry.guid !== undefined) this.#pathOfGuid.delete(entry.guid);
    const { guid: _, ...rest } = entry;
    if (entry.subscribed) this.#set({ ...rest, exists: false, lastRenamedOrCreated: 0 });
    else this.#drop(entry.path);
  }

  #set(entry: NameEntry): void {
    this.#countBelow(entry.path, Number(entry.exists) - Number(this.#exists(entry.path)));
    this.#entries.set(pathKey(entry.path), entry);
    if (entry.guid !== undefined) this.#pathOfGuid.set(entry.guid, entry.path);
    this.touched.entries.add(pathKey(entry.path));
  }

  #drop(path: MailboxPath): void {
    this.#countBelow(path, -Number(this.#exists(path)));
    this.#entries.delete(pathKey(path));
    this.touched.entries.add(pathKey(path));
  }

  #record(record: DeletionRecord): void {
    this.#deletions.set(deletionKey(record), record);
    this.touched.deletions.add(deletionKey(record));
  }

  #forget(key: string): void {
    if (this.#deletions.delete(key)) this.touched.deletions.add(key);
  }
}

/** Deletion records with the same key replace each other. */
const deletionKey = (record: DeletionRecord): string =>
  `${record.type} ${'guid' in record ? record.guid : pathKey(record.path)}`;

/** A path as one text: paths are equal when their keys are. No part holds a "/". */
export const pathKey = (path: MailboxPath): string => path.join('/');

/** @throws {DsyncdError} `DSYNCD_MAILBOX_NAME` */
export function checkedPath(path: MailboxPath): MailboxPath {
  checkMailboxPath(path);
  return normalizeMailboxPath(path);
}

export const isInbox = (path: MailboxPath): boolean => path.length === 1 && path[0] === 'INBOX';

/** Whether `path` is below `parent`, at any depth. */
export const isBelow = (path: MailboxPath, parent: MailboxPath): boolean =>
  path.length > parent.length && parent.every((part, index) => path[index] === part);

/** Every parent, outermost first. */
export const parentsOf = (path: MailboxPath): readonly MailboxPath[] =>
  path.slice(1).map((_, index) => path.slice(0, index + 1));

/** Order of {@link MailboxTree.nodes}: part by part by UTF-16 code units, a parent before its children. */
export function comparePaths(a: MailboxPath, b: MailboxPath): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const left = a[index] ?? '';
    const right = b[index] ?? '';
    if (left !== right) return left < right ? -1 : 1;
  }
  return a.length - b.length;
}
