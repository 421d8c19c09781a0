// Figures of the Maildir store on this disk: node packages/mailstore/test/maildir-bench.mjs [folder]. Needs a build.
// ext4 is slow to create files for some minutes after many were deleted: let it rest between runs.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@dsyncd/core';
import { openMaildirStore } from '@dsyncd/mailstore';

const root = mkdtempSync(join(process.argv[2] ?? tmpdir(), 'dsyncd-bench-'));
const store = openMaildirStore({ home: (u) => `${root}/${u}`, clock: systemClock, random: systemRandom });
const cpu0 = () => process.cpuUsage();
const body = Buffer.from(`${'x'.repeat(78)}\r\n`.repeat(51));
const one = async function* (b) {
  yield b;
};
{
  const u = await store.open('first', { create: true });
  const inbox = await u.mailboxByPath(['INBOX']);
  for (let round = 0; round < 2; round++) {
    const t = performance.now();
    const c = cpu0();
    for (let i = 0; i < 10000; i += 500) {
      const st = await Promise.all(Array.from({ length: 500 }, () => u.stageBody(one(body))));
      await inbox.apply(st.map((b) => ({ type: 'save', body: b })));
    }
    const d = process.cpuUsage(c);
    console.log(
      '10k x 4K stage+apply ms',
      (performance.now() - t).toFixed(0),
      'cpu ms',
      (d.user + d.system) / 1000,
    );
  }
  let t = performance.now();
  let n = 0;
  for (let uid = 1; ; ) {
    const m = await inbox.mails(uid, 500);
    if (!m.length) break;
    n += m.length;
    uid = m.at(-1).uid + 1;
  }
  console.log('list mails', n, (performance.now() - t).toFixed(0));
  t = performance.now();
  for (let i = 1; i <= 10000; i += 100)
    await Promise.all(
      Array.from({ length: 100 }, async (_, k) => {
        for await (const _c of await inbox.body(i + k));
      }),
    );
  console.log('read 10k bodies ms', (performance.now() - t).toFixed(0));
  t = performance.now();
  await inbox.apply(Array.from({ length: 10000 }, (_, i) => ({ type: 'flags', uid: i + 1, addFlags: 8 })));
  console.log('flag 10k ms', (performance.now() - t).toFixed(0));
  t = performance.now();
  await inbox.apply(Array.from({ length: 10000 }, (_, i) => ({ type: 'expunge', uid: i + 1 })));
  console.log('expunge 10k ms', (performance.now() - t).toFixed(0));
}
{
  const u = await store.open('single', { create: true });
  const inbox = await u.mailboxByPath(['INBOX']);
  const lat = [];
  for (let i = 0; i < 1000; i++) {
    const t = performance.now();
    const b = await u.stageBody(one(body));
    await inbox.apply([{ type: 'save', body: b }]);
    lat.push(performance.now() - t);
  }
  lat.sort((a, b) => a - b);
  console.log('single delivery p50', lat[500].toFixed(3), 'p99', lat[990].toFixed(3));
}
{
  const users = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const u = await store.open(`m${i}`, { create: true });
      for (const b of ['Drafts', 'Sent', 'Trash', 'Junk']) await u.createMailbox([b]);
      return u;
    }),
  );
  const boxes = await Promise.all(users.map((u) => u.mailboxByPath(['INBOX'])));
  let t = performance.now();
  let c = cpu0();
  for (let i = 0; i < 5000; i++) {
    const k = i % 100;
    await users[k].tree();
    await boxes[k].status();
  }
  let d = process.cpuUsage(c);
  console.log(
    'tree+status pairs/s sequential',
    ((5000 / (performance.now() - t)) * 1000).toFixed(0),
    'cpu us each',
    ((d.user + d.system) / 5000).toFixed(0),
  );
  const noop = async (k) => {
    const u = await store.open(`m${k}`);
    const l = await u.lock(1000);
    const tr = await u.tree();
    const b = await u.mailbox(tr.nodes[2].mailbox.guid);
    await Promise.all([
      b.changedMails({ modSeq: 1, uidMax: 100, afterUid: 0 }, 100),
      b.expunges({ modSeq: 1, afterUid: 0 }, 100),
      b.attributes(1),
    ]);
    await l.release();
    await u.close();
  };
  for (const par of [1, 10]) {
    t = performance.now();
    c = cpu0();
    let next = 0;
    await Promise.all(
      Array.from({ length: par }, async () => {
        while (next < 5000) await noop(next++ % 100);
      }),
    );
    d = process.cpuUsage(c);
    console.log(
      'noop store part/s, parallel',
      par,
      ((5000 / (performance.now() - t)) * 1000).toFixed(0),
      'cpu us each',
      ((d.user + d.system) / 5000).toFixed(0),
    );
  }
}
await store.close();
rmSync(root, { recursive: true });
