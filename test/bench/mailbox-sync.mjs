import { parseUserName } from '@dsyncd/core';
import { runAdm } from './adm.mjs';
import { cpuSeconds, fill, median, withPair } from './rig.mjs';
import { row } from './row.mjs';

const user = parseUserName('anna@example.com');

/** Syncs the user and answers the duration that dsyncd logged, in ms. */
async function syncOnce(host, isFull) {
  const dsyncd = host.program('dsyncd');
  const seen = dsyncd.lines.length;
  await runAdm(host, ['replicator', 'replicate', ...(isFull ? ['-f'] : []), user]);
  return await nextSyncMs(dsyncd, seen);
}

/** The duration of the first sync that the log tells of after so many lines, in ms. */
async function nextSyncMs(dsyncd, seen) {
  const line = await dsyncd.waitForLog((text) => text.includes('"outcome":'), seen);
  const entry = JSON.parse(line);
  if (entry.outcome !== 'ok') throw new Error(`sync ended as ${line}`);
  return entry.durationMs;
}

export async function measureFirstSync(pick) {
  const mails = pick(10_000, 50);
  return await withPair([], async ({ a, b }) => {
    await fillUser(a, mails);
    // First the one without mail: the other begins its first syncs at once.
    await b.start();
    const cpuBefore = cpuSeconds([b]);
    await a.start();
    const first = await nextSyncMs(a.program('dsyncd'), 0);
    const cpu = cpuSeconds([a, b]) - cpuBefore;
    const full = await syncOnce(a, true);
    return [
      row(`first sync of ${mails.toLocaleString('en-US')} mails of 4 KB`, first / 1000, 's', {
        target: 3,
        reference: 'Cyrus 6.2, Dovecot 9.0',
      }),
      row('processor time of it, both hosts together', cpu, 's'),
      row('full sync of the same with nothing to do', full / 1000, 's', { reference: 'Dovecot 0.29' }),
    ];
  });
}

async function fillUser(host, mails) {
  const store = host.openStore();
  const mail = await store.open(user, { create: true });
  await fill(mail, await mail.mailboxByPath(['INBOX']), mails, 4096);
  await mail.close();
  await store.close();
}

/** One flag changed in a small and in a big mailbox. */
export async function measureIncremental(pick) {
  const rows = [];
  for (const mails of [pick(100, 10), pick(20_000, 100)]) {
    const durationMs = await withPair([], async ({ a, b }) => {
      await fillUser(a, mails);
      // First the one without mail: the other begins its first syncs at once.
      await b.start();
      await a.start();
      await syncOnce(a, false);
      const durations = [];
      for (let round = 0; round < pick(9, 1); round++) {
        await flag(a, round + 1);
        durations.push(await syncOnce(a, false));
      }
      return median(durations);
    });
    rows.push(
      row(
        `incremental sync of one flag in ${mails.toLocaleString('en-US')} mails, median`,
        durationMs,
        'ms',
        {
          reference: mails < 1000 ? '' : 'Dovecot 33 (10,000 mails)',
        },
      ),
    );
  }
  return rows;
}

async function flag(host, uid) {
  const store = host.openStore();
  const mail = await store.open(user);
  const inbox = await mail.mailboxByPath(['INBOX']);
  await inbox.apply([{ type: 'flags', uid, addFlags: 8 }]);
  await mail.close();
  await store.close();
}
