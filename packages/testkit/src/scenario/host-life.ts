import type { Random, UserName } from '@dsyncd/core';
import type { MailStore } from '@dsyncd/mailstore';
import { createNotifier, type Notifier } from '@dsyncd/notify';
import { LmtpClient } from '../lmtp-client.ts';
import type { Host } from '../rig/host.ts';
import { until } from '../until.ts';
import type { SourceMail } from './mail-source.ts';
import { doSomething } from './workload.ts';

const deedsPerMail = 2;

export interface HostReport {
  readonly delivered: number;
  readonly deeds: ReadonlyMap<string, number>;
}

/** One host's life: mail comes in by LMTP, and after each a few changes are made as a mail process makes them. */
export async function playHost(
  host: Host,
  store: MailStore,
  mails: readonly SourceMail[],
  users: readonly UserName[],
  random: Random,
): Promise<HostReport> {
  const notifier = createNotifier({
    baseDir: host.baseDir,
    syncTimeoutMs: 0,
    spoolDir: host.spoolDir,
  });
  const deeds = new Map<string, number>();
  let delivered = 0;
  try {
    for (const [position, mail] of mails.entries()) {
      const user = users[position % users.length];
      if (user === undefined) continue;
      await deliverUntilAccepted(host, user, mail);
      delivered++;
      for (let deed = 0; deed < deedsPerMail; deed++) {
        const name = await playDeed(store, notifier, users, random);
        if (name !== undefined) deeds.set(name, (deeds.get(name) ?? 0) + 1);
      }
    }
    return { delivered, deeds };
  } finally {
    await notifier.close();
  }
}

/**
 * As an MTA does: what was not acknowledged is delivered again. A connection that a kill cut may
 * have saved the mail before; LMTP cannot tell (RFC 2033 section 3), so this may deliver twice.
 */
async function deliverUntilAccepted(host: Host, user: UserName, mail: SourceMail): Promise<void> {
  await until(`${host.hostname} takes ${mail.name}`, async () => {
    try {
      const client = await LmtpClient.connect(host.lmtpPath);
      const replies = await client.deliver([user], mail.body).finally(() => client.close());
      return replies.every((reply) => reply.startsWith('250'));
    } catch {
      // Killed just now; it is started again.
      return false;
    }
  });
}

async function playDeed(
  store: MailStore,
  notifier: Notifier,
  users: readonly UserName[],
  random: Random,
): Promise<string | undefined> {
  const user = users[Math.floor(random.fraction() * users.length)];
  if (user === undefined) return undefined;
  const mail = await store.open(user, { create: true });
  try {
    const name = await doSomething(mail, random);
    if (name !== undefined) notifier.mailChanged(user);
    return name;
  } finally {
    await mail.close();
  }
}
