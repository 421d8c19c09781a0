import { createHash } from 'node:crypto';
import type { Random, UserName } from '@dsyncd/core';
import type { MailStore } from '@dsyncd/mailstore';
import { createNotifier, type Notifier } from '@dsyncd/notify';
import { asSent, LmtpClient } from '../lmtp-client.ts';
import type { Host } from '../rig/host.ts';
import { until } from '../until.ts';
import type { Ledger } from './ledger.ts';
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
  ledger: Ledger,
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
      const attempts = await deliverUntilAccepted(host, user, mail);
      ledger.delivered(user, createHash('sha256').update(asSent(mail.body)).digest('hex'), attempts);
      delivered++;
      for (let deed = 0; deed < deedsPerMail; deed++) {
        const name = await playDeed(store, notifier, users, random, ledger);
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
 * Answers how many attempts it took.
 */
async function deliverUntilAccepted(host: Host, user: UserName, mail: SourceMail): Promise<number> {
  let attempts = 0;
  let refusal = '';
  const wanted = `${host.hostname} takes ${mail.name}`;
  const isAccepted = async (): Promise<boolean> => {
    try {
      attempts++;
      const client = await LmtpClient.connect(host.lmtpPath);
      const replies = await client.deliver([user], mail.body).finally(() => client.close());
      refusal = replies.find((reply) => !reply.startsWith('250')) ?? '';
      return refusal === '';
    } catch (error) {
      // Killed just now; it is started again.
      refusal = String(error);
      return false;
    }
  };
  try {
    await until(wanted, isAccepted);
  } catch (error) {
    throw new Error(`${wanted}: ${refusal}`, { cause: error });
  }
  return attempts;
}

async function playDeed(
  store: MailStore,
  notifier: Notifier,
  users: readonly UserName[],
  random: Random,
  ledger: Ledger,
): Promise<string | undefined> {
  const user = users[Math.floor(random.fraction() * users.length)];
  if (user === undefined) return undefined;
  const mail = await store.open(user, { create: true });
  try {
    const name = await doSomething(mail, random, {
      expunging: (hash) => ledger.expunging(user, hash),
      moving: (hash) => ledger.moving(user, hash),
      deletingMailbox: () => ledger.deletingMailbox(user),
    });
    if (name !== undefined) notifier.mailChanged(user);
    return name;
  } finally {
    await mail.close();
  }
}
