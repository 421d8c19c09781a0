import type { DatabaseFormat } from '@dsyncd/process';
import type { rowWidth } from '../model/user-records.ts';

/** "dsyq" */
const applicationId = 0x64737971;
const schemaVersion = 3;

/** The columns of a record, in the order of its row. */
const columns = [
  'flags',
  'priority',
  'requested_at',
  'last_fast_at',
  'full_base_at',
  'last_success_at',
  'not_before',
  'failures',
  'soons',
  'unproven_since',
] as const satisfies { readonly length: typeof rowWidth };

/** `id` of entries, states and failures is channel * 2^32 + user. Instants are Unix milliseconds, 0 for never. */
const createTables = `
  CREATE TABLE channels (id INTEGER PRIMARY KEY, name TEXT NOT NULL, paused INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
  CREATE TABLE entries (id INTEGER PRIMARY KEY, ${columns.map((name) => `${name} INTEGER NOT NULL`).join(', ')});
  CREATE TABLE states (id INTEGER PRIMARY KEY, state TEXT NOT NULL);
  CREATE TABLE failures (id INTEGER PRIMARY KEY, code TEXT NOT NULL, reason TEXT NOT NULL, hint TEXT);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

const upgrades: Readonly<Record<number, string>> = {
  1: 'ALTER TABLE channels ADD COLUMN paused INTEGER NOT NULL DEFAULT 0',
  2: 'ALTER TABLE entries ADD COLUMN unproven_since INTEGER NOT NULL DEFAULT 0',
};

export const format: Omit<DatabaseFormat, 'foreignError'> = {
  applicationId,
  schemaVersion,
  createTables,
  upgrades,
};

export const selectRows = `SELECT id, ${columns.join(', ')} FROM entries WHERE id > ? ORDER BY id LIMIT ?`;
export const putRow = `INSERT OR REPLACE INTO entries (id, ${columns.join(', ')}) VALUES (?${', ?'.repeat(columns.length)})`;

/** What a damaged or edited file may hold beside what makes sense. */
export const sweepTables = `
  DELETE FROM entries WHERE (id & 0xffffffff) NOT IN (SELECT id FROM users) OR (id >> 32) NOT IN (SELECT id FROM channels);
  DELETE FROM states WHERE id NOT IN (SELECT id FROM entries);
  DELETE FROM failures WHERE id NOT IN (SELECT id FROM entries);
`;
