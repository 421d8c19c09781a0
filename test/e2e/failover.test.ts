/** Rehearses what deploy/failover.md tells: a host is killed or taken down under delivery, and comes back. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import { asSent, createPair, type Host, snapshotUser, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, mailOf, scratchFolder, startHosts, untilEqual } from './support.ts';

cleanUpAfterTests();

const users = Array.from({ length: 6 }, (_, number) => `user${number}@example.com`);

interface Sent {
  readonly user: string;
  readonly hash: string;
  attempts: number;
  /** Who answered 250. */
  by?: Host;
  acceptedAt?: number;
}

/** A mail server in front of the pair: tries each mail at the host of the moment until it is taken. */
class MailServer {
  target: Host;
  readonly sent: Sent[] = [];
  #isStopped = false;
  readonly #senders: Promise<void>[];

  constructor(target: Host) {
    this.target = target;
    this.#senders = [1, 2, 3].map((sender) => this.#send(sender));
  }

  acceptedBy(host: Host): Sent[] {
    return this.sent.filter(({ by }) => by === host);
  }

  async #send(sender: number): Promise<void> {
    for (let count = 0; !this.#isStopped; count++) {
      const body = Buffer.from(mailOf(`mail ${count} of sender ${sender}`));
      const hash = createHash('sha256').update(asSent(body)).digest('hex');
      const sent: Sent = { user: users[count % users.length] ?? '', hash, attempts: 0 };
      this.sent.push(sent);
      await until('the mail is taken', () => this.#try(sent, body), { everyMs: 20, timeoutMs: 30_000 });
    }
  }

  async #try(sent: Sent, body: Buffer): Promise<boolean> {
    const { target } = this;
    sent.attempts++;
    const reply = await target.deliver(sent.user, body).catch(() => '');
    if (!reply.startsWith('250')) return false;
    sent.by = target;
    sent.acceptedAt = performance.now();
    return true;
  }

  /** Ends when every mail that was begun is taken. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#senders);
  }
}

/** How often each mail is on the host, by hash. */
async function mailsOn(host: Host): Promise<ReadonlyMap<string, number>> {
  const store = host.openStore();
  const counts = new Map<string, number>();
  try {
    for (const user of users) {
      const snapshot = await snapshotUser(store, parseUserName(user), { withBodies: true }).catch(
        () => undefined,
      );
      for (const mailbox of snapshot?.mailboxes.values() ?? [])
        for (const line of mailbox.mails) {
          const hash = line.slice(line.lastIndexOf(' ') + 1);
          counts.set(`${user} ${hash}`, (counts.get(`${user} ${hash}`) ?? 0) + 1);
        }
    }
  } finally {
    await store.close();
  }
  return counts;
}

const missingFrom = (there: ReadonlyMap<string, number>, mails: readonly Sent[]): Sent[] =>
  mails.filter(({ user, hash }) => !there.has(`${user} ${hash}`));

/** A retry after a lost answer may bring a mail a second time; nothing else may. */
const doubledOn = (there: ReadonlyMap<string, number>, mails: readonly Sent[]): Sent[] =>
  mails.filter(({ user, hash, attempts }) => (there.get(`${user} ${hash}`) ?? 0) > attempts);

const kill = (host: Host): Promise<unknown> =>
  Promise.all([...host.programs.values()].map((program) => program.end('SIGKILL')));

const untilTaken = (mta: MailServer, host: Host, count: number): Promise<void> =>
  until(`${host.hostname} took ${count} mails`, () => mta.acceptedBy(host).length >= count, {
    timeoutMs: 30_000,
  });

/** Milliseconds from `since` until the host took its first mail. */
const firstTakenAfter = (mta: MailServer, host: Host, since: number): number =>
  Math.round(Math.min(...mta.acceptedBy(host).map(({ acceptedAt = Infinity }) => acceptedAt)) - since);

/** The commands of the guide, run on the host that is to be left. */
async function drained(host: Host): Promise<number> {
  const startedAt = performance.now();
  const drain = await host.admin('drain', '--timeout', '30', '--retry');
  expect(drain.code, drain.stdout + drain.stderr).toBe(0);
  return Math.round(performance.now() - startedAt);
}

const tell = (text: string): void => void process.stdout.write(`    failover: ${text}\n`);

async function startPair(settings: readonly string[] = []): Promise<{ readonly a: Host; readonly b: Host }> {
  const common = ['replication_failure_resync_interval = "1s"', 'replication_full_sync_interval = "1h"'];
  const { a, b } = await createPair({ folder: scratchFolder(), settings: [...common, ...settings] });
  await startHosts(a, b);
  return { a, b };
}

async function auditBoth(a: Host, b: Host, mta: MailServer): Promise<void> {
  for (const user of users) await untilEqual([a, b], user);
  for (const host of [a, b]) {
    const there = await mailsOn(host);
    expect(missingFrom(there, mta.sent), `lost on ${host.hostname}`).toEqual([]);
    expect(doubledOn(there, mta.sent), `doubled on ${host.hostname}`).toEqual([]);
  }
}

test('a host that dies under delivery: the other takes over, and the first comes back with what it had', async () => {
  const { a, b } = await startPair();
  const mta = new MailServer(a);
  await untilTaken(mta, a, 40);
  await kill(a);
  const killedAt = performance.now();
  mta.target = b;
  await untilTaken(mta, b, 1);
  const takenOverMs = firstTakenAfter(mta, b, killedAt);
  const atRisk = missingFrom(await mailsOn(b), mta.acceptedBy(a));
  await untilTaken(mta, b, 40);

  // Back, and in step again while mail goes on.
  const backAt = performance.now();
  await a.start();
  await until(
    'what was at risk is on the other host',
    async () => missingFrom(await mailsOn(b), atRisk).length === 0,
    {
      everyMs: 100,
    },
  );
  const mendedMs = Math.round(performance.now() - backAt);

  // Failback, which is a planned failover.
  await b.program('dsync-lmtp').end('SIGTERM');
  const drainedMs = await drained(b);
  const check = await b.admin('failover', 'check', '--json');
  expect(check.code, check.stdout).toBe(0);
  expect(missingFrom(await mailsOn(a), mta.acceptedBy(b))).toEqual([]);
  const countBefore = mta.acceptedBy(a).length;
  mta.target = a;
  await untilTaken(mta, a, countBefore + 20);
  await b.start();
  await mta.stop();
  await auditBoth(a, b, mta);
  tell(
    `killed: ${atRisk.length} of ${mta.acceptedBy(a).length} mails at risk, all back; first mail on the other host ` +
      `after ${takenOverMs} ms, in step ${mendedMs} ms after the return, drained in ${drainedMs} ms`,
  );
}, 90_000);

test('a host that loses its disk: what the other had taken stays, and only what was at risk is gone', async () => {
  const { a, b } = await startPair();
  const mta = new MailServer(a);
  await untilTaken(mta, a, 40);
  await kill(a);
  const wasOnA = mta.acceptedBy(a);
  mta.target = b;
  const atRisk = missingFrom(await mailsOn(b), wasOnA);
  await untilTaken(mta, b, 20);
  for (const folder of ['mail', 'state', 'run'])
    await rm(join(a.folder, folder), { recursive: true, force: true });
  await a.configure();
  await a.start();
  await mta.stop();
  // The guide: the new host asks for everything, as it knows nobody yet.
  const asked = await b.admin('replicator', 'replicate', '*');
  expect(asked.code, asked.stderr).toBe(0);
  await drained(b);
  for (const user of users) await untilEqual([a, b], user);
  const lostOf = new Set(atRisk);
  for (const host of [a, b]) {
    const there = await mailsOn(host);
    expect(missingFrom(there, mta.acceptedBy(b)), `taken by B, lost on ${host.hostname}`).toEqual([]);
    const lost = missingFrom(there, wasOnA);
    expect(lost.filter((mail) => !lostOf.has(mail))).toEqual([]);
    expect(doubledOn(there, mta.sent)).toEqual([]);
  }
  tell(
    `disk lost: ${atRisk.length} of ${wasOnA.length} mails were at risk and are gone, ${mta.acceptedBy(b).length} kept`,
  );
}, 90_000);

test('with replication_sync_timeout, what a killed host had answered for is on the other one', async () => {
  const { a, b } = await startPair(['replication_sync_timeout = "20s"']);
  const mta = new MailServer(a);
  await untilTaken(mta, a, 20);
  await kill(a);
  mta.target = b;
  const atRisk = missingFrom(await mailsOn(b), mta.acceptedBy(a));
  expect(atRisk).toEqual([]);
  await untilTaken(mta, b, 5);
  // B answers at once although A is down: its breaker, or a failed sync, ends the wait.
  await a.start();
  await mta.stop();
  await auditBoth(a, b, mta);
  tell(`killed, synchronous: ${atRisk.length} of ${mta.acceptedBy(a).length} mails at risk`);
}, 90_000);

test('a planned failover leaves nothing behind', async () => {
  const { a, b } = await startPair();
  const mta = new MailServer(a);
  await untilTaken(mta, a, 30);
  const startedAt = performance.now();
  await a.program('dsync-lmtp').end('SIGTERM');
  const drainedMs = await drained(a);
  const check = await a.admin('failover', 'check', '--json');
  expect(check.code, check.stdout).toBe(0);
  expect(missingFrom(await mailsOn(b), mta.acceptedBy(a))).toEqual([]);
  mta.target = b;
  await untilTaken(mta, b, 10);
  const gapMs = firstTakenAfter(mta, b, startedAt);
  await a.stop();
  // Without its replica B is not ready to be left.
  await until('B says that it cannot be left', async () => (await b.admin('failover', 'check')).code === 1, {
    everyMs: 100,
  });
  await a.start();
  await mta.stop();
  await auditBoth(a, b, mta);
  tell(
    `planned: 0 of ${mta.acceptedBy(a).length} mails at risk, drained in ${drainedMs} ms, no delivery for ${gapMs} ms`,
  );
}, 90_000);
