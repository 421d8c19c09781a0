// A process that writes to a store until it is told to stop or killed; says each answered step on a line of stdout.
// Arguments: folder of the homes, user, task.
import { once } from 'node:events';
import { writeSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import threads from 'node:worker_threads';

const [, , folder, user, task] = process.argv;
/** Threads of the store, which a task may end as a lack of memory would. */
const started = [];
threads.Worker = class extends threads.Worker {
  constructor(...args) {
    super(...args);
    started.push(this);
  }
};
syncBuiltinESMExports();

const { openMaildirStore } = await import('@dsyncd/mailstore');
const { systemClock, systemRandom } = await import('@dsyncd/core');

const store = openMaildirStore({
  home: (name) => join(folder, name),
  clock: systemClock,
  random: systemRandom,
  workers: 1,
});
const say = (step) => writeSync(1, `${JSON.stringify(step)}\n`);
const mail = await store.open(user);
const inbox = await mail.mailboxByPath(['INBOX']);

async function* bytes(text) {
  yield Buffer.from(text);
}
const textOf = (guid) => `Subject: ${guid}\r\n\r\n${guid.repeat(20)}\r\n`;

async function saveBatch(name, count) {
  const guids = Array.from({ length: count }, () => systemRandom.hex(16));
  const bodies = await Promise.all(guids.map((guid) => mail.stageBody(bytes(textOf(guid)))));
  const { results, after } = await inbox.apply(
    guids.map((guid, at) => ({ type: 'save', guid, body: bodies[at], pop3Uidl: name })),
  );
  return { guids, uids: results.map(({ uid }) => uid), modSeq: after.highestModSeq };
}

const tasks = {
  /** Saves 60 batches and ends. */
  async save() {
    for (let round = 0; round < 60; round++) say(await saveBatch(`${process.pid}.${round}`, 1 + (round % 4)));
  },
  /** Saves batches of 3, and expunges every second one as a whole, until it is killed. */
  async churn() {
    for (let round = 0; ; round++) {
      const name = `${process.pid}.${round}`;
      const { guids, uids } = await saveBatch(name, 3);
      say({ saved: name, guids, uids });
      if (round % 2 === 0) continue;
      say({ expunging: name });
      await inbox.apply(uids.map((uid) => ({ type: 'expunge', uid })));
      say({ expunged: name });
    }
  },
  async lock() {
    await mail.lock(0);
    say('locked');
    // Holds on until it is killed.
    setInterval(() => {}, 60_000);
    await new Promise(() => {});
  },
  /** Loses the thread that holds its lock, and tries to go on; a step for each line of stdin. */
  async guard() {
    const lock = await mail.lock(0);
    say('locked');
    await once(process.stdin, 'data');
    await Promise.all(started.map((thread) => thread.terminate()));
    say('ended');
    await once(process.stdin, 'data');
    const codeOf = (call) =>
      call.then(
        () => 'done',
        ({ code }) => code,
      );
    const written = await codeOf(mail.createMailbox(['written without a lock']));
    await lock.release();
    const next = await store.open(user);
    const locked = await codeOf(next.lock(0));
    const read = await codeOf(next.tree());
    await next.close();
    say({ written, locked, read });
    process.stdin.destroy();
  },
};

await tasks[task]();
await mail.close();
await store.close();
