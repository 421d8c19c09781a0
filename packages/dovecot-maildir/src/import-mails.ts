/** Takes over what Dovecot changed in one mailbox: new mails, flags, keywords, expunges. */

import { asUid, type MailGuid, type Uid } from '@dsyncd/core';
import type { MailChange, MailRecord } from '@dsyncd/mailstore';
import { expungesOf, mailsOf } from './all-mails.ts';
import { matchMails, mergeState, sameState } from './compare-mails.ts';
import { type ExportedMailbox, inRanges, type MailState, uidRanges } from './export-record.ts';
import { exportedBase } from './mail-file-name.ts';
import { changedError, type FolderMail, type MaildirFolder, scanMails } from './read-maildir.ts';
import { type ImportedMailbox, saveFresh } from './save-fresh.ts';

export interface MailsImport {
  readonly record: ExportedMailbox;
  readonly saved: number;
  readonly flagsChanged: number;
  readonly expunged: number;
  readonly problems: readonly string[];
}

const changesAtOnce = 500;

export async function importMails(one: ImportedMailbox): Promise<MailsImport> {
  const { mailbox, folder, base } = one;
  const status = await mailbox.status();
  const mails = await scanMails(folder);
  const records = new Map<number, MailRecord>();
  for await (const record of mailsOf(mailbox, status.uidNext)) records.set(record.uid, record);
  const expunged = new Map<number, MailGuid>();
  for await (const { uid, guid } of expungesOf(mailbox)) expunged.set(uid, guid);
  const aliases = new Map(Object.entries(base.aliases));
  const isSameUidValidity = folder.uidList?.uidValidity === status.uidValidity;
  const { pairs, fresh } = matchMails(mails.values(), {
    records,
    expunged,
    aliases,
    isSameUidValidity,
    mailbox: mailbox.guid,
  });

  const inDovecot = new Map<number, FolderMail>(pairs.map(({ record, mail }) => [record.uid, mail]));
  const edits = flagChanges(pairs, base);
  const gone = await missingMails(one, mails, records, inDovecot);
  for (const changes of chunks([...edits, ...gone])) await mailbox.apply(changes);
  const saved = await saveFresh({ ...one, fresh, pairs, records, isSameUidValidity, aliases });
  for (const [uid, mail] of saved.uids) inDovecot.set(uid, mail);
  return {
    record: await comparedNow(one, inDovecot, mails),
    saved: saved.savedCount,
    flagsChanged: edits.length,
    expunged: gone.length,
    problems: [...problemsOf(one, mails.values()), ...saved.problems],
  };
}

function flagChanges(
  pairs: readonly { readonly record: MailRecord; readonly mail: FolderMail }[],
  base: ExportedMailbox,
): readonly MailChange[] {
  return pairs.flatMap(({ record, mail }) => {
    const known = base.differing[String(record.uid)];
    const state = dovecotState(mail, record);
    const edit = mergeState(record, state, known, base.highestModSeq);
    return edit === undefined ? [] : [{ type: 'flags' as const, uid: record.uid, ...edit }];
  });
}

/** Without names for its keyword letters a mail counts as having the store's keywords. */
const dovecotState = (mail: FolderMail, record: MailRecord): MailState =>
  mail.knowsKeywords ? mail.state : { flags: mail.state.flags, keywords: record.keywords };

/** Mails that Dovecot had and has no more. Without a list of UIDs the folder may be damaged: nothing is expunged then. */
async function missingMails(
  { folder, base }: ImportedMailbox,
  mails: ReadonlyMap<string, FolderMail>,
  records: ReadonlyMap<number, MailRecord>,
  inDovecot: ReadonlyMap<number, FolderMail>,
): Promise<readonly MailChange[]> {
  if (folder.uidList === undefined) return [];
  const missing = [...records.values()].filter(
    ({ uid }) => uid < base.uidNext && !inDovecot.has(uid) && !inRanges(base.notThere, uid),
  );
  if (missing.length > 0) await checkUnchanged(folder, mails);
  return missing.map(({ uid, guid }) => ({ type: 'expunge', uid, guid }));
}

/** A file that is renamed while a folder is listed may be in neither list; what is missing must be missing twice. */
async function checkUnchanged(folder: MaildirFolder, before: ReadonlyMap<string, FolderMail>): Promise<void> {
  for (const mail of (await scanMails(folder)).values())
    if (!before.has(mail.base)) throw changedError(`${folder.dir}/${mail.file}`);
}

function* problemsOf({ folder, base }: ImportedMailbox, mails: Iterable<FolderMail>): Generator<string> {
  const name = base.path.join('/');
  if (folder.uidList === undefined)
    yield `mailbox "${name}": dovecot-uidlist is missing or unreadable, so no mail was expunged`;
  for (const mail of mails)
    if (!mail.knowsKeywords) yield `mailbox "${name}": ${mail.file} has a keyword letter without a name`;
}

/** The base of the next import: how both sides stand now. */
async function comparedNow(
  { mailbox, folder, base }: ImportedMailbox,
  inDovecot: ReadonlyMap<number, FolderMail>,
  mails: ReadonlyMap<string, FolderMail>,
): Promise<ExportedMailbox> {
  const status = await mailbox.status();
  // Those of mails that the store expunged stay while Dovecot has the file, or it would come back.
  const aliases = Object.entries(base.aliases).filter(([name]) => mails.has(name));
  const differing: [string, MailState][] = [];
  const notThere: Uid[] = [];
  for await (const record of mailsOf(mailbox, status.uidNext)) {
    const mail = inDovecot.get(record.uid);
    if (mail === undefined) {
      notThere.push(asUid(record.uid));
      continue;
    }
    if (mail.base !== exportedBase(record, mailbox.guid)) aliases.push([mail.base, record.uid]);
    const state = dovecotState(mail, record);
    if (!sameState(state, record)) differing.push([String(record.uid), state]);
  }
  return {
    folder: folder.name,
    path: base.path,
    guid: mailbox.guid,
    dovecotGuid: folder.uidList?.guid ?? base.dovecotGuid,
    uidNext: status.uidNext,
    highestModSeq: status.highestModSeq,
    notThere: uidRanges(notThere),
    aliases: Object.fromEntries(aliases),
    differing: Object.fromEntries(differing),
  };
}

function* chunks(changes: readonly MailChange[]): Generator<readonly MailChange[]> {
  for (let start = 0; start < changes.length; start += changesAtOnce)
    yield changes.slice(start, start + changesAtOnce);
}
