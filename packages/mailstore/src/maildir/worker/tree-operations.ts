/** Operations on the user's mailboxes as a whole. */

import { existsSync } from 'node:fs';
import { asMailboxGuid, type MailboxGuid, type MailboxPath, type UidValidity } from '@dsyncd/core';
import { unlessOvertaken } from '../../errors.ts';
import { comparePaths, type NameTree, pathKey } from '../../name-tree.ts';
import type { MailboxInfo, MailboxNode, MailboxTree, NameChange } from '../../port.ts';
import { followUidValidity, nextUidValidity } from '../../store-rules.ts';
import { bodyFolder, folderName, spareFolderName } from '../names-on-disk.ts';
import { attempt, removeFolder } from './body-files.ts';
import {
  loadDeletions,
  loadNames,
  type MailboxRow,
  mailboxRow,
  type NameRow,
  nameColumns,
  saveNames,
  statusOf,
  toEntry,
} from './index-rows.ts';
import { writeDueNotes } from './notes.ts';
import { makeMailFolder, tablesOfMailbox } from './open-index.ts';
import type { UserIndex } from './user-index.ts';

/** What an operation needs beside the index; the worker has no clock and no randomness of its own. */
export interface TreeContext {
  readonly mailboxesMax: number;
  readonly nowSeconds: number;
  /** Unix seconds of the change. */
  readonly at: number;
  /** GUID for a mailbox that is made. */
  readonly newGuid: MailboxGuid;
}

export function readTree(index: UserIndex): MailboxTree {
  return index.read(() => {
    const rows = index.all<NameRow & MailboxRow>(
      `select ${nameColumns}, mailboxes.id, folder, uid_validity, uid_next, highest_modseq, first_recent_uid, messages
       from names left join mailboxes on mailboxes.guid = names.guid`,
    );
    const nodes: MailboxNode[] = rows.map((row) => {
      const { guid, ...entry } = toEntry(row);
      return guid === undefined ? entry : { ...entry, mailbox: statusOf(row) };
    });
    return { nodes: nodes.sort((a, b) => comparePaths(a.path, b.path)), deletes: loadDeletions(index) };
  });
}

export function createMailbox(
  index: UserIndex,
  context: TreeContext,
  path: MailboxPath,
  uidValidity: UidValidity | undefined,
): MailboxInfo {
  return changeNames(index, context.mailboxesMax, (tree) =>
    createIn(tree, index, { context, path, uidValidity }),
  );
}

function createIn(
  tree: NameTree,
  index: UserIndex,
  wanted: {
    readonly context: TreeContext;
    readonly path: MailboxPath;
    readonly uidValidity: UidValidity | undefined;
  },
): MailboxInfo {
  const { context, path, uidValidity } = wanted;
  const kept = tree.createMailbox(path, context.newGuid, context.at);
  return { ...insertMailbox(index, context, kept, uidValidity), path: kept };
}

export function ensureInbox(index: UserIndex, context: TreeContext): void {
  if (index.get("select 1 from names where path = 'INBOX' and guid is not null") !== undefined) return;
  changeNames(index, context.mailboxesMax, (tree) => {
    if (tree.guidOf(['INBOX']) !== undefined) return;
    tree.createMailbox(['INBOX'], context.newGuid, context.at);
    insertMailbox(index, context, ['INBOX'], undefined);
  });
}

export const createDirectory = (index: UserIndex, context: TreeContext, path: MailboxPath): void =>
  changeNames(index, context.mailboxesMax, (tree) => tree.createDirectory(path, context.at));

export const deleteDirectory = (index: UserIndex, context: TreeContext, path: MailboxPath): void =>
  changeNames(index, context.mailboxesMax, (tree) => tree.deleteDirectory(path, context.at));

export const setSubscribed = (
  index: UserIndex,
  context: TreeContext,
  path: MailboxPath,
  subscribed: boolean,
): void =>
  changeNames(index, context.mailboxesMax, (tree) => tree.setSubscribed(path, subscribed, context.at));

export function rename(index: UserIndex, context: TreeContext, from: MailboxPath, to: MailboxPath): void {
  changeNames(index, context.mailboxesMax, (tree) => renameIn(tree, index, { context, from, to }));
}

function renameIn(
  tree: NameTree,
  index: UserIndex,
  wanted: { readonly context: TreeContext; readonly from: MailboxPath; readonly to: MailboxPath },
): void {
  const { context, from, to } = wanted;
  const { inbox, moved } = tree.rename(from, to, context.at);
  for (const guid of moved) index.run('update mailboxes set note_due = 1 where guid = ?', guid);
  if (inbox === undefined) return;
  tree.createMailbox(inbox, context.newGuid, context.at);
  insertMailbox(index, context, inbox, undefined);
}

/** The folder goes after the commit: until then its bodies may still be wanted. */
export function deleteMailbox(index: UserIndex, context: TreeContext, guid: MailboxGuid): void {
  const folder = changeNames(index, context.mailboxesMax, (tree) => deleteIn(tree, index, { context, guid }));
  attempt(() => removeFolder(index.home, folder));
}

/** @returns the folder that is to go. */
function deleteIn(
  tree: NameTree,
  index: UserIndex,
  { context, guid }: { readonly context: TreeContext; readonly guid: MailboxGuid },
): string {
  tree.deleteMailbox(guid, context.at);
  const row = mailboxRow(index, guid);
  for (const table of tablesOfMailbox) index.run(`delete from ${table} where mailbox = ?`, row.id);
  index.run('delete from mailboxes where id = ?', row.id);
  return row.folder;
}

/** Several changes in one transaction, with the names loaded once. */
export function changeAllNames(
  index: UserIndex,
  changes: readonly { readonly change: NameChange; readonly context: TreeContext }[],
): readonly (string | undefined)[] {
  const mailboxesMax = changes[0]?.context.mailboxesMax ?? 0;
  const folders: string[] = [];
  const overtaken = changeNames(index, mailboxesMax, (tree) => {
    folders.length = 0;
    return changes.map(({ change, context }) =>
      unlessOvertaken(() => {
        const folder = changeIn(tree, index, change, context);
        if (folder !== undefined) folders.push(folder);
      }),
    );
  });
  for (const folder of folders) attempt(() => removeFolder(index.home, folder));
  return overtaken;
}

function changeIn(
  tree: NameTree,
  index: UserIndex,
  change: NameChange,
  context: TreeContext,
): string | undefined {
  const { at } = context;
  switch (change.type) {
    case 'create-mailbox':
      createIn(tree, index, { context, path: change.path, uidValidity: change.uidValidity });
      return undefined;
    case 'create-directory':
      tree.createDirectory(change.path, at);
      return undefined;
    case 'delete-directory':
      tree.deleteDirectory(change.path, at);
      return undefined;
    case 'rename':
      renameIn(tree, index, { context, from: change.from, to: change.to });
      return undefined;
    case 'delete-mailbox':
      return deleteIn(tree, index, { context, guid: change.guid });
    case 'subscribe':
      tree.setSubscribed(change.path, change.subscribed, at);
      return undefined;
    case 'note-given-up':
      tree.noteGivenUp(change.guid, change.by, at);
      return undefined;
  }
}

export function changeIdentity(
  index: UserIndex,
  context: TreeContext,
  guid: MailboxGuid,
  to: { readonly guid: MailboxGuid; readonly uidValidity: UidValidity },
): void {
  changeNames(index, context.mailboxesMax, (tree) => {
    const row = mailboxRow(index, guid);
    tree.changeGuid(guid, to.guid, context.at);
    index.run(
      'update mailboxes set guid = ?, uid_validity = ?, note_due = 1 where id = ?',
      to.guid,
      to.uidValidity,
      row.id,
    );
    noteUidValidity(index, to.uidValidity);
  });
}

export const noteGivenUp = (
  index: UserIndex,
  context: TreeContext,
  guid: MailboxGuid,
  by: MailboxGuid,
): void => changeNames(index, context.mailboxesMax, (tree) => tree.noteGivenUp(guid, by, context.at));

export function guidOfPath(index: UserIndex, path: MailboxPath): MailboxGuid | undefined {
  const row = index.get<{ guid: string | null }>('select guid from names where path = ?', pathKey(path));
  return row === undefined || row.guid === null ? undefined : asMailboxGuid(row.guid);
}

function changeNames<T>(index: UserIndex, mailboxesMax: number, change: (tree: NameTree) => T): T {
  const result = index.write(() => {
    const tree = loadNames(index, mailboxesMax);
    const answer = change(tree);
    saveNames(index, tree);
    return answer;
  });
  attempt(() => writeDueNotes(index));
  return result;
}

function insertMailbox(
  index: UserIndex,
  context: TreeContext,
  path: MailboxPath,
  wanted: UidValidity | undefined,
): ReturnType<typeof statusOf> {
  const folder = makeOwnFolder(index, path, context.newGuid);
  const highest =
    index.get<{ value: number }>("select value from meta where key = 'uid_validity'")?.value ?? 0;
  const uidValidity = wanted || nextUidValidity(highest, context.nowSeconds);
  index.run(
    'insert into mailboxes (guid, folder, uid_validity) values (?, ?, ?)',
    context.newGuid,
    folder,
    uidValidity,
  );
  noteUidValidity(index, uidValidity);
  return statusOf(mailboxRow(index, context.newGuid));
}

function noteUidValidity(index: UserIndex, used: UidValidity): void {
  const highest =
    index.get<{ value: number }>("select value from meta where key = 'uid_validity'")?.value ?? 0;
  index.run("insert or replace into meta values ('uid_validity', ?)", followUidValidity(highest, used));
}

/**
 * A folder that no other mailbox has or had: folders keep their name when a mailbox is renamed, and
 * one of a deleted mailbox may still be there.
 */
function makeOwnFolder(index: UserIndex, path: MailboxPath, guid: MailboxGuid): string {
  const wanted = folderName(path);
  const isFirst = index.get('select 1 from mailboxes limit 1') === undefined;
  const isTaken =
    index.get('select 1 from mailboxes where folder = ?', wanted) !== undefined ||
    (!isFirst && existsSync(bodyFolder(index.home, wanted)));
  const folder = isTaken ? spareFolderName(path, guid) : wanted;
  makeMailFolder(index.home, folder);
  return folder;
}
