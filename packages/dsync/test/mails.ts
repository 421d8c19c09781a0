import { DsyncdError, type MailGuid, type Uid } from '@dsyncd/core';
import type { MailboxMail, MemoryUserMail } from '@dsyncd/mailstore';
import type { SimHost } from './world.ts';

export async function inboxOf(host: SimHost): Promise<MailboxMail> {
  const inbox = await host.mail.mailboxByPath(['INBOX']);
  if (inbox === undefined) throw new Error('no INBOX');
  return inbox;
}

/** Saves a mail in the INBOX of a host; answers its UID. */
export async function deliverText(host: SimHost, text: string, guid?: MailGuid): Promise<Uid> {
  const body = await host.mail.stageBody(
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
  const { results } = await (await inboxOf(host)).apply([{ type: 'save', body, guid }]);
  const [result] = results;
  if (result === undefined || !('uid' in result)) throw new Error('not saved');
  return result.uid;
}

/** Makes a body in the INBOX lost, as a damaged disk does. */
export async function loseBody(host: SimHost, uid: Uid, noticed = true): Promise<void> {
  (host.mail as MemoryUserMail).loseBody((await inboxOf(host)).guid, uid, { noticed });
}

async function textOf(mailbox: MailboxMail, uid: Uid): Promise<string> {
  try {
    const parts: Uint8Array[] = [];
    for await (const part of await mailbox.body(uid)) parts.push(part);
    return Buffer.concat(parts).toString();
  } catch (error) {
    if (error instanceof DsyncdError && error.code === 'DSYNCD_STORE_BODY_LOST') return 'lost';
    throw error;
  }
}

/** The bodies in the INBOX of a host, sorted; `lost` for one that is. */
export async function textsOf(host: SimHost): Promise<string[]> {
  const inbox = await inboxOf(host);
  const texts: string[] = [];
  for (const { uid } of await inbox.mails(1 as Uid, 1000)) texts.push(await textOf(inbox, uid));
  return texts.sort();
}
