import type { DatabaseFormat } from '@dsyncd/process';

/** "dsyc" */
const applicationId = 0x64737963;
const schemaVersion = 1;

/** `sequence` is the number of the user's last change; `times` has the time of some; `runs` and `marks`: see cursor.ts and port.ts. */
const createTables = `
  CREATE TABLE changes (sequence INTEGER PRIMARY KEY, user TEXT NOT NULL UNIQUE);
  CREATE TABLE runs (id TEXT NOT NULL UNIQUE, from_sequence INTEGER NOT NULL);
  CREATE TABLE marks (name TEXT PRIMARY KEY, cursor TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE times (sequence INTEGER PRIMARY KEY, at INTEGER NOT NULL);
  CREATE TABLE numbers (last INTEGER NOT NULL, dropped_until INTEGER NOT NULL);
  INSERT INTO numbers VALUES (0, 0);
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${schemaVersion};
`;

export const format: Omit<DatabaseFormat, 'foreignError'> = { applicationId, schemaVersion, createTables };
