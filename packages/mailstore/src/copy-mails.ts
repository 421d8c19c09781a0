import { asUid, type MailboxPath } from '@dsyncd/core';
import type { MailboxMail, MailRecord, SaveChange, UserMail } from './port.ts';

const mailsAtOnce = 500;

/** Saves the mails in `destination` with the same GUIDs, flags and dates; bodies are shared, not copied. */
export async function copyMails(
  source: MailboxMail,
  destination: MailboxMail,
  mails: readonly MailRecord[],
): Promise<void> {
  await destination.apply(
    mails.map(
      (mail): SaveChange => ({
        type: 'save',
        guid: mail.guid,
        body: { mailbox: source.guid, uid: mail.uid },
        flags: mail.flags,
        keywords: mail.keywords,
        receivedAt: mail.receivedAt,
      }),
    ),
  );
}

/** Expunges the mails; one whose UID means another mail by now stays. @returns how many went. */
export async function expungeMails(mailbox: MailboxMail, mails: readonly MailRecord[]): Promise<number> {
  const { results } = await mailbox.apply(mails.map(({ uid, guid }) => ({ type: 'expunge', uid, guid })));
  return results.filter((result) => 'changed' in result && result.changed).length;
}

/**
 * Moves the mails of INBOX to a new mailbox, which is what RENAME of INBOX means (RFC 3501, 6.3.5). INBOX stays the
 * mailbox that it was: a Dovecot renames it for no sync.
 */
export async function renameInbox(user: UserMail, to: MailboxPath): Promise<void> {
  const inbox = await user.mailboxByPath(['INBOX']);
  await user.createMailbox(to);
  const destination = await user.mailboxByPath(to);
  if (inbox === undefined || destination === undefined) return;
  const { uidNext } = await inbox.status();
  for (let from = 1; from < uidNext; ) {
    const mails = (await inbox.mails(asUid(from), mailsAtOnce)).filter(({ uid }) => uid < uidNext);
    const last = mails.at(-1);
    if (last === undefined) return;
    // Saved there before it goes here: a crash in between leaves both.
    await copyMails(inbox, destination, mails);
    await expungeMails(inbox, mails);
    from = last.uid + 1;
  }
}
