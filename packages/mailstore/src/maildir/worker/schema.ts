/** The tables of one user's index, and what makes or refuses them. */

import type { Database } from 'better-sqlite3';

export const schemaVersion = 1;

/**
 * The journal is a rollback journal that is kept and emptied: most users are seldom looked at, and with a WAL
 * opening and closing an index costs three times as much, three files and a hundred times the memory.
 * Times are Unix seconds. `mails` has no file name: that follows from columns that never change.
 */
export const schema = `
create table meta (key text primary key, value integer not null) strict, without rowid;
create table mailboxes (
  id integer primary key,
  guid text not null unique,
  folder text not null unique,
  uid_validity integer not null,
  uid_next integer not null default 1,
  highest_modseq integer not null default 1,
  first_recent_uid integer not null default 1,
  messages integer not null default 0,
  note_due integer not null default 1
) strict;
create index mailboxes_note_due on mailboxes (id) where note_due = 1;
create table names (
  path text primary key,
  present integer not null,
  guid text,
  changed_at integer not null,
  subscribed integer not null,
  subscription_changed_at integer not null
) strict, without rowid;
create table deletions (
  key text primary key,
  type text not null,
  name text not null,
  deleted_at integer not null
) strict, without rowid;
create table mails (
  mailbox integer not null,
  uid integer not null,
  guid text not null,
  modseq integer not null,
  flags integer not null,
  keywords text,
  flag_modseqs text,
  received_at integer not null,
  saved_at integer not null,
  size integer not null,
  virtual_size integer not null,
  pop3_uidl text,
  pop3_order integer,
  primary key (mailbox, uid)
) strict, without rowid;
create index mails_modseq on mails (mailbox, modseq);
create index mails_guid on mails (guid);
create table expunges (
  mailbox integer not null,
  uid integer not null,
  guid text not null,
  modseq integer not null,
  primary key (mailbox, uid)
) strict, without rowid;
create index expunges_modseq on expunges (mailbox, modseq);
create table attributes (
  mailbox integer not null,
  type text not null,
  key text not null,
  value text,
  changed_at integer not null,
  modseq integer not null,
  primary key (mailbox, type, key)
) strict, without rowid;
create table keywords (mailbox integer not null, word text not null, primary key (mailbox, word)) strict, without rowid;
create table lost (mailbox integer not null, uid integer not null, primary key (mailbox, uid)) strict, without rowid;
`;

export const tablesOfMailbox = ['mails', 'expunges', 'attributes', 'keywords', 'lost'] as const;

export const readSchemaVersion = (db: Database): number =>
  Number(db.pragma('user_version', { simple: true }));

export function createSchema(db: Database): void {
  db.exec(schema);
  db.pragma(`user_version = ${schemaVersion}`);
}
