import type { MailboxMail, MailRecord, SaveChange } from '@dsyncd/mailstore';

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
