import { asModSeq, asUid, type Uid } from '@dsyncd/core';
import type { ExpungeRecord, MailboxMail, MailRecord } from '@dsyncd/mailstore';

const pageSize = 1000;

/** All mails below `uidEnd`, by UID. */
export async function* mailsOf(mailbox: MailboxMail, uidEnd: number): AsyncGenerator<MailRecord> {
  let from = 1;
  for (;;) {
    const page = await mailbox.mails(asUid(from), pageSize);
    for (const mail of page) if (mail.uid < uidEnd) yield mail;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize || last.uid >= uidEnd) return;
    from = last.uid + 1;
  }
}

export async function* expungesOf(mailbox: MailboxMail): AsyncGenerator<ExpungeRecord> {
  let afterUid: Uid = asUid(0);
  for (;;) {
    const page = await mailbox.expunges({ modSeq: asModSeq(0), afterUid }, pageSize);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    afterUid = last.uid;
  }
}
