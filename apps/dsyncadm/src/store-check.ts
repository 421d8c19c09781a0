import { asUid, DsyncdError, type Uid } from '@dsyncd/core';
import type { MailboxMail, MailRecord, UserMail } from '@dsyncd/mailstore';
import { mailsPerBatch } from './mail-selection.ts';

export interface StoreReport {
  readonly mailboxes: number;
  readonly mails: number;
  readonly damages: readonly MailDamage[];
}

export interface MailDamage {
  readonly mailbox: string;
  readonly uid: Uid;
  readonly problem: string;
}

/** Reads every body of a user and compares it with the index. Changes nothing but what the store notes of lost bodies. */
export async function checkStore(mail: UserMail): Promise<StoreReport> {
  const { nodes } = await mail.tree();
  const damages: MailDamage[] = [];
  let mailboxes = 0;
  let mails = 0;
  for (const { path, mailbox: status } of nodes) {
    if (status === undefined) continue;
    mailboxes++;
    const mailbox = await mail.mailbox(status.guid);
    for await (const record of allMails(mailbox)) {
      mails++;
      const problem = await problemOf(mailbox, record);
      if (problem !== undefined) damages.push({ mailbox: path.join('/'), uid: record.uid, problem });
    }
  }
  return { mailboxes, mails, damages };
}

async function* allMails(mailbox: MailboxMail): AsyncGenerator<MailRecord> {
  for (let from = 1; ; ) {
    const page = await mailbox.mails(asUid(from), mailsPerBatch);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < mailsPerBatch) return;
    from = last.uid + 1;
  }
}

async function problemOf(mailbox: MailboxMail, { uid, size }: MailRecord): Promise<string | undefined> {
  try {
    let bytes = 0;
    for await (const chunk of await mailbox.body(uid)) bytes += (chunk as Uint8Array).length;
    return bytes === size ? undefined : `has ${bytes} bytes on disk, the index knows ${size}`;
  } catch (error) {
    if (!(error instanceof DsyncdError)) throw error;
    // Expunged since the page was read.
    if (error.code === 'DSYNCD_STORE_NO_MAIL') return undefined;
    if (error.code === 'DSYNCD_STORE_BODY_LOST') return 'is missing or cut short on disk';
    throw error;
  }
}
