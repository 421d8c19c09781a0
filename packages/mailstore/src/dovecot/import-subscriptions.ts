import type { MailboxPath } from '@dsyncd/core';
import type { UserMail } from '../port.ts';
import type { ExportedMailbox, ExportRecord } from './export-record.ts';
import type { PathOf } from './folder-names.ts';
import { readIfThere } from './scan-maildir.ts';
import { parseSubscriptions } from './small-files.ts';

/** Takes over what Dovecot subscribed and unsubscribed. Without a `subscriptions` file nothing is unsubscribed. */
export async function importSubscriptions(
  mail: UserMail,
  maildir: string,
  sides: {
    readonly known: ExportRecord['subscribed'];
    readonly mailboxes: readonly ExportedMailbox[];
    readonly pathOf: PathOf;
  },
): Promise<{ readonly changed: number; readonly subscribed: ExportRecord['subscribed'] }> {
  const text = await readIfThere(`${maildir}/subscriptions`);
  if (text === '') return { changed: 0, subscribed: sides.known };
  const pathOfFolder = new Map<string, MailboxPath>([
    ...sides.known.map(({ folder, path }) => [folder, path] as const),
    ...sides.mailboxes.map(({ folder, path }) => [folder || 'INBOX', path] as const),
  ]);
  const folders = [...new Set(parseSubscriptions(text))];
  const subscribed = folders.flatMap((folder) => {
    const path = pathOfFolder.get(folder) ?? sides.pathOf(folder);
    return path === undefined ? [] : [{ folder, path }];
  });
  const before = new Set(sides.known.map(({ folder }) => folder));
  const after = new Set(folders);
  let changed = 0;
  for (const { folder, path } of sides.known)
    if (!after.has(folder)) {
      await mail.setSubscribed(path, false);
      changed++;
    }
  for (const { folder, path } of subscribed)
    if (!before.has(folder)) {
      await mail.setSubscribed(path, true);
      changed++;
    }
  return { changed, subscribed };
}
