import { createHash } from 'node:crypto';
import { type Random, systemClock, type UserName } from '@dsyncd/core';
import type { MailStore } from '@dsyncd/mailstore';
import { createNotifier, type Notifier } from '@dsyncd/notify';
import { asSent, LmtpClient } from '../lmtp-client.ts';
import type { Host } from '../rig/host.ts';
import { seededRandom, until } from '../until.ts';
import { Ledger } from './ledger.ts';
import { type SourceMail, sampleMail } from './mail-source.ts';
import { doSomething } from './workload.ts';

const actionsPerMail = 2;

export interface HostReport {
  readonly delivered: number;
  /** Mails that LMTP refused for good, with its reply. */
  readonly refused: readonly string[];
  readonly actions: ReadonlyMap<string, number>;
}

/** One host's life: mail comes in by LMTP, and after each a few changes are made as a mail process makes them. */
export async function playHost(
  host: Host,
  store: MailStore,
  mails: Iterable<SourceMail> | AsyncIterable<SourceMail>,
  users: readonly UserName[],
  random: Random,
  ledger: Ledger,
): Promise<HostReport> {
  const notifier = createNotifier({
    baseDir: host.baseDir,
    syncTimeoutMs: 0,
    spoolDir: host.spoolDir,
  });
  const actions = new Map<string, number>();
  const refused: string[] = [];
  let delivered = 0;
  try {
    let position = 0;
    for await (const mail of mails) {
      const user = users[position++ % users.length];
      if (user === undefined) continue;
      const { attempts, refusal } = await deliverUntilAnswered(host, user, mail);
      if (refusal !== undefined) {
        refused.push(`${mail.name}: ${refusal}`);
        continue;
      }
      ledger.delivered(user, createHash('sha256').update(asSent(mail.body)).digest('hex'), attempts);
      delivered++;
      for (let action = 0; action < actionsPerMail; action++) {
        const name = await playDeed(store, notifier, users, random, ledger);
        if (name !== undefined) actions.set(name, (actions.get(name) ?? 0) + 1);
      }
    }
    return { delivered, refused, actions };
  } finally {
    await notifier.close();
  }
}

interface Answer {
  readonly attempts: number;
  /** A refusal for good (5xx). */
  readonly refusal: string | undefined;
}

/**
 * As an MTA does: what was not acknowledged is delivered again. A connection that a kill cut may
 * have saved the mail before; LMTP cannot tell (RFC 2033 section 3), so this may deliver twice.
 */
async function deliverUntilAnswered(host: Host, user: UserName, mail: SourceMail): Promise<Answer> {
  let attempts = 0;
  let reply = '';
  const wanted = `${host.hostname} takes ${mail.name}`;
  const isAnswered = async (): Promise<boolean> => {
    try {
      attempts++;
      const client = await LmtpClient.connect(host.lmtpPath);
      reply = (await client.deliver([user], mail.body).finally(() => client.close()))[0] ?? '';
      return /^[25]/.test(reply);
    } catch (error) {
      // Killed just now; it is started again.
      reply = String(error);
      return false;
    }
  };
  try {
    await until(wanted, isAnswered);
  } catch (error) {
    throw new Error(`${wanted}: ${reply}`, { cause: error });
  }
  return { attempts, refusal: reply.startsWith('5') ? reply : undefined };
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

/** Of each host; two hosts make it one in a second. */
export const mailEveryMs = 2_000;

/** A mail now and then on every host, with changes beside it, until it is stopped: something to watch. */
export class GentleLife {
  readonly #over = new AbortController();
  readonly #stores: readonly MailStore[];
  readonly #lives: Promise<unknown>;

  constructor(hosts: readonly Host[], users: readonly UserName[], seed: number) {
    this.#stores = hosts.map((host) => host.openStore());
    const { signal } = this.#over;
    this.#lives = Promise.allSettled(
      this.#stores.map((store, index) => {
        const random = seededRandom(seed + index);
        return playHost(hosts[index] as Host, store, trickle(random, signal), users, random, new Ledger());
      }),
    );
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#lives;
    await Promise.all(this.#stores.map((store) => store.close()));
  }
}

async function* trickle(random: Random, over: AbortSignal): AsyncGenerator<SourceMail> {
  for (let number = 1; ; number++) {
    await systemClock.sleep(mailEveryMs, over).catch(() => {});
    if (over.aborted) return;
    yield sampleMail(random, number);
  }
}
