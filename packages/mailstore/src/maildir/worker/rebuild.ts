/** Makes a new index from the mail files and the notes in the folders, when the old one is beyond use. */

import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { isMailGuid } from '@dsyncd/core';
import { makePrivate } from '@dsyncd/process';
import SqliteDatabase from 'better-sqlite3';
import { followUidValidity, SizeCounter } from '../../store-rules.ts';
import { isMissing } from '../disk-errors.ts';
import {
  type BodyName,
  bodyFileName,
  bodyFolder,
  indexFile,
  longGuidFile,
  longGuidFolder,
  maildir,
  parseBodyFileName,
} from '../names-on-disk.ts';
import type { HomePlace, RebuildReport } from '../wire.ts';
import { unlinkIfThere } from './body-files.ts';
import { readNote } from './notes.ts';
import { createSchema, syncPath } from './open-index.ts';

/** UIDs above the highest one found that are given up: mails that were expunged may have had them. */
const uidGap = 2 ** 20;

/**
 * Keeps mailboxes with GUID, UIDVALIDITY and name, mails with GUID, UID and date. Flags, keywords,
 * expunge records, subscriptions and deletion records are lost; a full sync brings back what the
 * replica knows. The caller holds the sync lock. `now` is in ms since the epoch.
 */
export function rebuildIndex(place: HomePlace, now: number): RebuildReport {
  const file = indexFile(place.home);
  const fresh = `${file}.rebuild`;
  for (const rest of ['', '-journal']) unlinkIfThere(`${fresh}${rest}`);
  const folders = findFolders(place.home);
  makePrivate(fresh);
  const db = new SqliteDatabase(fresh);
  let mailboxes: RebuildReport['mailboxes'];
  try {
    db.pragma('synchronous = full');
    mailboxes = db.transaction(() => fill(db, place.home, folders, now)).immediate();
  } finally {
    db.close();
  }
  const movedTo = moveAway(file, now);
  renameSync(fresh, file);
  syncPath(place.home);
  return { mailboxes, movedTo };
}

type Folder = {
  readonly folder: string;
  readonly guid: string;
  readonly uidValidity: number;
  readonly path: string;
};

/** Each GUID and each name once: the first folder that has it. */
function findFolders(home: string): readonly Folder[] {
  const guids = new Set<string>();
  const paths = new Set<string>();
  const found: Folder[] = [];
  const names = existsSync(maildir(home))
    ? readdirSync(maildir(home)).filter((name) => name.startsWith('.'))
    : [];
  for (const folder of ['', ...names.sort()]) {
    const note = readNote(home, folder);
    if (note === undefined || guids.has(note.guid)) continue;
    const path = paths.has(note.path) ? `${note.path} (${note.guid.slice(0, 8)})` : note.path;
    guids.add(note.guid);
    paths.add(path);
    found.push({ folder, guid: note.guid, uidValidity: note.uidValidity, path });
  }
  return found;
}

function fill(
  db: SqliteDatabase.Database,
  home: string,
  folders: readonly Folder[],
  now: number,
): RebuildReport['mailboxes'] {
  createSchema(db);
  let highestUidValidity = 0;
  const nameTexts = new Set<string>();
  const mailboxes = folders.map((folder) => {
    highestUidValidity = followUidValidity(highestUidValidity, folder.uidValidity);
    const mails = fillMailbox(db, home, folder, now);
    insertName(db, folder.path, folder.guid);
    for (const [position, symbol] of [...folder.path].entries())
      if (symbol === '/') nameTexts.add([...folder.path].slice(0, position).join(''));
    return { guid: folder.guid as RebuildReport['mailboxes'][number]['guid'], path: folder.path, mails };
  });
  for (const parent of nameTexts) insertName(db, parent, null);
  db.prepare("insert into meta values ('uid_validity', ?), ('swept_at', ?)").run(
    highestUidValidity,
    Math.floor(now / 1000),
  );
  return mailboxes;
}

const insertName = (db: SqliteDatabase.Database, path: string, guid: string | null): unknown =>
  db.prepare('insert or ignore into names values (?, 1, ?, 0, 0, 0)').run(path, guid);

/** @returns how many mails it found. Every modseq is `now`: above any that was counted up from 1. */
function fillMailbox(
  db: SqliteDatabase.Database,
  home: string,
  { folder, guid, uidValidity }: Folder,
  now: number,
): number {
  const mailbox = db
    .prepare('insert into mailboxes (guid, folder, uid_validity, highest_modseq) values (?, ?, ?, ?)')
    .run(guid, folder, uidValidity, now).lastInsertRowid;
  const insert = db.prepare(
    'insert or ignore into mails values (?, ?, ?, ?, 0, null, null, ?, ?, ?, ?, null, null)',
  );
  const path = bodyFolder(home, folder);
  let uidMax = 0;
  let mails = 0;
  for (const name of existsSync(path) ? readdirSync(path) : []) {
    const body = bodyOf(home, name);
    if (body === undefined) continue;
    const counter = new SizeCounter();
    counter.add(readFileSync(join(path, name)));
    uidMax = Math.max(uidMax, body.uid);
    mails += insert.run(
      mailbox,
      body.uid,
      body.guid,
      now,
      body.receivedAt,
      body.receivedAt,
      body.size,
      counter.virtualSize,
    ).changes;
  }
  db.prepare('update mailboxes set uid_next = ?, messages = ? where id = ?').run(
    Math.min(uidMax + uidGap, 2 ** 32 - 1),
    mails,
    mailbox,
  );
  return mails;
}

/** Only a file whose name the index would give it, for the index finds bodies by that name. */
function bodyOf(home: string, name: string): BodyName | undefined {
  const parsed = parseBodyFileName(name);
  if (parsed === undefined) return undefined;
  const guid = parsed.isHash ? readLongGuid(home, parsed.guid) : parsed.guid;
  if (guid === undefined || !isMailGuid(guid)) return undefined;
  const body = { receivedAt: parsed.receivedAt, guid, uid: parsed.uid, size: parsed.size };
  return bodyFileName(body) === name ? body : undefined;
}

function readLongGuid(home: string, hash: string): string | undefined {
  try {
    const guid = readFileSync(join(longGuidFolder(home), hash), 'utf8');
    return longGuidFile(guid) === hash ? guid : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The main file first: without it SQLite takes the others for rubbish. */
function moveAway(file: string, now: number): string | undefined {
  if (!existsSync(file)) return undefined;
  const target = `${file}.damaged-${Math.floor(now)}`;
  for (const rest of ['', '-journal'])
    if (existsSync(`${file}${rest}`)) renameSync(`${file}${rest}`, `${target}${rest}`);
  return target;
}
