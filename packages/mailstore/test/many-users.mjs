// A process that saves one large and one small mail for each of many users at once, twice.
// Arguments: folder of the homes, number of users. Answers JSON on stdout.
import { readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@dsyncd/core';
import { openMaildirStore } from '@dsyncd/mailstore';

const [, , folder, count] = process.argv;

const store = openMaildirStore({
  home: (name) => join(folder, name),
  clock: systemClock,
  random: systemRandom,
});

// All pieces come at one pace, as those of one mail for many users do.
let waiting = [];
const pace = () =>
  new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length < Number(count)) return;
    const all = waiting;
    waiting = [];
    for (const go of all) go();
  });

async function* large() {
  for (let piece = 0; piece < 3; piece++) {
    await pace();
    yield Buffer.alloc(40_000, 'x');
  }
}
async function* small() {
  yield Buffer.from('small');
}

async function deliver(user) {
  const mail = await store.open(user, { create: true });
  const inbox = await mail.mailboxByPath(['INBOX']);
  const bodies = [await mail.stageBody(large()), await mail.stageBody(small())];
  await inbox.apply(bodies.map((body) => ({ type: 'save', body })));
  await mail.close();
}

const failures = [];
for (let round = 0; round < 2; round++) {
  const all = Array.from({ length: Number(count) }, (_, user) => deliver(`user${user}`));
  for (const end of await Promise.allSettled(all))
    if (end.status === 'rejected') failures.push(String(end.reason));
}
const openFiles = readdirSync('/proc/self/fd').length;
writeSync(1, JSON.stringify({ failed: failures.length, first: failures[0], openFiles }));
await store.close();
