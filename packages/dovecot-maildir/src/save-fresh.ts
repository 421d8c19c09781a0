/** Saves the mails that only Dovecot has, and keeps UIDs apart that both sides gave to different mails. */

import { asUid } from '@dsyncd/core';
import type { MailboxMail, MailChange, MailRecord, StagedBody, UserMail } from '@dsyncd/mailstore';
import type { ExportedMailbox } from './export-record.ts';
import { type FolderMail, type MaildirFolder, stageFile } from './read-maildir.ts';

export interface ImportedMailbox {
  readonly mail: UserMail;
  readonly mailbox: MailboxMail;
  readonly folder: MaildirFolder;
  /** What both sides had when they were last compared. */
  readonly base: ExportedMailbox;
}

export interface FreshMails extends ImportedMailbox {
  readonly fresh: readonly FolderMail[];
  readonly pairs: readonly { readonly record: MailRecord; readonly mail: FolderMail }[];
  readonly records: ReadonlyMap<number, MailRecord>;
  readonly aliases: ReadonlyMap<string, number>;
  readonly isSameUidValidity: boolean;
}

export interface SavedMails {
  /** What Dovecot has of each mail, by the UID that it got in the store. */
  readonly uids: ReadonlyMap<number, FolderMail>;
  readonly savedCount: number;
  readonly problems: readonly string[];
}

/** A mail that is to be saved: one of Dovecot's, one that the store has under another UID (`record`), or both. */
interface Job {
  readonly mail?: FolderMail;
  readonly record?: MailRecord;
  readonly wantedUid?: number;
}

const savedAtOnce = 32;

/**
 * Dovecot's UIDs are kept where they are still free, which its clients remember. A mail of the
 * store's own under a UID that Dovecot gave to another meanwhile moves to a new UID.
 */
export async function saveFresh(from: FreshMails): Promise<SavedMails> {
  const { uidNext } = await from.mailbox.status();
  const isWanted = (uid: number | undefined): uid is number =>
    from.isSameUidValidity && uid !== undefined && uid >= uidNext;
  const jobs: Job[] = [...from.fresh.map((mail) => ({ mail })), ...renumbered(from, isWanted)];
  const early = jobs.flatMap((job) => (isWanted(job.mail?.uid) ? { ...job, wantedUid: job.mail.uid } : []));
  const late = jobs.filter(({ mail }) => !isWanted(mail?.uid));
  const byUid = (a: Job, b: Job): number => uidOf(a) - uidOf(b);
  const saved = { uids: new Map<number, FolderMail>(), savedCount: 0, problems: [] as string[] };
  await saveAll(from, early.sort(byUid), saved);
  const dovecotsNext = from.isSameUidValidity ? from.folder.uidList?.uidNext : undefined;
  if (dovecotsNext !== undefined) await from.mailbox.apply([{ type: 'raise', uidNext: asUid(dovecotsNext) }]);
  await saveAll(from, [...late.sort(byUid), ...clashing(from)], saved);
  return saved;
}

const uidOf = ({ mail }: Job): number => mail?.uid ?? Number.MAX_SAFE_INTEGER;

/** Mails that Dovecot gave a new UID since, as it does to one that was moved out and back. */
const renumbered = (from: FreshMails, isWanted: (uid: number | undefined) => boolean): readonly Job[] =>
  from.pairs.filter(
    ({ mail, record }) => isWanted(mail.uid) && mail.uid !== record.uid && !from.aliases.has(mail.base),
  );

function clashing(from: FreshMails): readonly Job[] {
  if (!from.isSameUidValidity) return [];
  const paired = new Set(from.pairs.map(({ record }) => record.uid));
  return from.fresh.flatMap(({ uid }) => {
    const record = uid === undefined ? undefined : from.records.get(uid);
    return record === undefined || paired.has(record.uid) || record.uid < from.base.uidNext
      ? []
      : [{ record }];
  });
}

type Saved = { readonly uids: Map<number, FolderMail>; savedCount: number; readonly problems: string[] };

async function saveAll(from: FreshMails, jobs: readonly Job[], saved: Saved): Promise<void> {
  for (let start = 0; start < jobs.length; start += savedAtOnce)
    await saveBatch(from, jobs.slice(start, start + savedAtOnce), saved);
}

async function saveBatch(from: FreshMails, jobs: readonly Job[], saved: Saved): Promise<void> {
  const staged: StagedBody[] = [];
  const saves: { readonly job: Job; readonly change: MailChange & { readonly type: 'save' } }[] = [];
  try {
    for (const job of jobs) {
      const change =
        job.record === undefined ? await newMail(from, job, staged) : await sameMail(from, job.record);
      if (change === undefined) saved.problems.push(leftProblem(from, job));
      else
        saves.push({
          job,
          change: { ...change, uid: job.wantedUid === undefined ? undefined : asUid(job.wantedUid) },
        });
    }
    const expunges = saves.flatMap(({ job: { record } }) =>
      record === undefined ? [] : [{ type: 'expunge' as const, uid: record.uid, guid: record.guid }],
    );
    const { results } = await from.mailbox.apply([...saves.map(({ change }) => change), ...expunges]);
    for (const [index, { job }] of saves.entries()) {
      const result = results[index];
      if (job.record === undefined) saved.savedCount++;
      if (job.mail !== undefined && result !== undefined && 'uid' in result)
        saved.uids.set(result.uid, job.mail);
    }
  } catch (error) {
    for (const body of staged) await body.discard();
    throw error;
  }
}

async function newMail(
  from: FreshMails,
  { mail }: Job,
  staged: StagedBody[],
): Promise<(MailChange & { readonly type: 'save' }) | undefined> {
  if (mail === undefined) return undefined;
  const file = await stageFile(from.mail, `${from.folder.dir}/${mail.file}`);
  if (file === undefined) return undefined;
  staged.push(file.body);
  const { flags, keywords } = mail.state;
  return { type: 'save', body: file.body, guid: mail.guid, flags, keywords, receivedAt: file.receivedAt };
}

/** The mail as it is now, to be saved under another UID; undefined when its body is lost, as it cannot be then. */
async function sameMail(
  { mailbox }: FreshMails,
  { uid }: MailRecord,
): Promise<(MailChange & { readonly type: 'save' }) | undefined> {
  const now = await mailbox.mail(uid);
  if (now === undefined || (await mailbox.lostBodies()).includes(uid)) return undefined;
  const { guid, flags, keywords, receivedAt, savedAt, pop3Uidl, pop3Order } = now;
  return {
    type: 'save',
    body: { mailbox: mailbox.guid, uid },
    ...{ guid, flags, keywords, receivedAt, savedAt },
    pop3Uidl,
    pop3Order,
  };
}

const leftProblem = (from: FreshMails, { mail, record }: Job): string =>
  `mailbox "${from.base.path.join('/')}": ${
    record === undefined
      ? `${mail?.file} is compressed otherwise than by gzip and is left in the Maildir`
      : `UID ${record.uid} keeps its UID, for its body is lost`
  }`;
