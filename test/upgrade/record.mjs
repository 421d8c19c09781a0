// node test/upgrade/record.mjs CLONE [FOLDER]: records, in this folder or another, what a release leaves behind on two hosts
// when one is away and programs are killed. CLONE is the built source tree of that release. Run it once for each release.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const clone = resolve(process.argv[2] ?? '.');
const { compareSnapshots, createPair, snapshotUser, until } = await import(
  pathToFileURL(join(clone, 'packages/testkit/dist/index.js')).href
);
const { version } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-record-'));
const { a, b } = await createPair({ folder, ssl: false, hasHttp: true });
const [ann, bert, cyd] = ['ann', 'bert', 'cyd'].map((name) => `${name}@example.com`);

const mailOf = (subject) =>
  `From: a@example.com\r\nTo: b@example.com\r\nSubject: ${subject}\r\n\r\n.Text of ${subject}\r\n`;
const deliver = async (host, user, subject) => {
  const reply = await host.deliver(user, mailOf(subject));
  if (!reply.startsWith('250 ')) throw new Error(reply);
};
const admin = async (host, ...args) => {
  const { code, stdout, stderr } = await host.admin(...args);
  if (code !== 0) throw new Error(`dsyncadm ${args.join(' ')}: ${stderr}`);
  return stdout;
};
const json = async (host, ...args) => JSON.parse(await admin(host, ...args, '--json'));
const queueOf = (host) => json(host, 'replicator', 'status', '*');

/** Everything of a user that another release must show alike. */
async function mailOn(host, user) {
  const mailboxes = {};
  const names = await json(host, 'mailbox', 'list', '-u', user);
  const states = await json(host, 'mailbox', 'status', '-u', user);
  for (const { mailbox } of states) {
    const mails = await json(host, 'mail', 'list', '-u', user, '-m', mailbox);
    const bodies = [];
    for (const { uid } of mails)
      bodies.push(await admin(host, 'mail', 'fetch', '-u', user, '-m', mailbox, String(uid)));
    mailboxes[mailbox] = { mails, bodies };
  }
  return { names, states, mailboxes };
}

const untilSynced = (host, user) =>
  until(`${user} is synced`, async () =>
    (await queueOf(host)).some(
      (each) => each.username === user && each.priority === 'none' && !each.failed && each.lastSuccessAt,
    ),
  );
async function untilEqual(user) {
  const stores = [a.openStore(), b.openStore()];
  const isEqual = async () => {
    const [onA, onB] = await Promise.all(
      stores.map((store) => snapshotUser(store, user, { withBodies: true }).catch(() => undefined)),
    );
    return onA && onB && compareSnapshots(user, onA, onB).every((mailbox) => mailbox.isEqual);
  };
  await until(`${user} is equal on both hosts`, isEqual, { everyMs: 100, timeoutMs: 60_000 });
  await Promise.all(stores.map((store) => store.close()));
}

try {
  await Promise.all([a.start(), b.start()]);
  for (const user of [ann, bert, cyd])
    for (const subject of ['one', 'two', 'three', 'four']) await deliver(a, user, `${subject} for ${user}`);
  for (const user of [ann, bert, cyd]) await untilEqual(user);
  // A mailbox with a name of two scripts, a moved mail, flags, keywords, an expunge, subscriptions: some on each host.
  await admin(a, 'mailbox', 'create', '-u', ann, 'Archive/2025', 'Entwürfe 草稿');
  await admin(a, 'mailbox', 'subscribe', '-u', ann, 'Archive/2025');
  await admin(a, 'mail', 'move', '-u', ann, '2', 'Archive/2025');
  await admin(a, 'mail', 'flags', '-u', ann, 'add', '1', 'seen', 'flagged', 'invoice');
  await admin(b, 'mail', 'expunge', '-u', bert, '3');
  await admin(b, 'mail', 'flags', '-u', bert, 'add', '4', 'answered', '$Junk');
  for (const user of [ann, bert, cyd]) {
    await untilEqual(user);
    await admin(a, 'replicator', 'replicate', '-f', user);
    await untilSynced(a, user);
  }
  const pause = await fetch(`${a.http.url}/v1/pause`, {
    method: 'POST',
    headers: { authorization: `Bearer ${a.http.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user: cyd }),
  });
  if (!pause.ok) throw new Error(`pause: ${pause.status} ${await pause.text()}`);
  await untilSynced(b, bert);

  // An outage: b goes in order; a's changes wait, in the queue, and in the spool as dsyncd is killed.
  const queueOfB = await queueOf(b);
  await b.stop();
  await deliver(a, ann, 'during the outage');
  await deliver(a, cyd, 'while paused');
  await until('the outage is noticed', async () =>
    (await queueOf(a)).some((each) => each.username === ann && each.failed),
  );
  const queueOfA = await queueOf(a);
  await a.program('dsyncd').end('SIGKILL');
  await deliver(a, bert, 'while dsyncd was down');
  if (readdirSync(a.spoolDir).length === 0) throw new Error('nothing is in the spool');
  const mail = { a: {}, b: {} };
  for (const [name, host] of Object.entries({ a, b }))
    for (const user of [ann, bert, cyd]) mail[name][user] = await mailOn(host, user);
  for (const name of ['dsync-lmtp', 'dsync-server']) await a.program(name).end('SIGKILL');

  const target = mkdtempSync(join(tmpdir(), 'dsyncd-recorded-'));
  for (const name of ['a', 'b'])
    cpSync(join(folder, name), join(target, name), {
      recursive: true,
      preserveTimestamps: true,
      filter: (file) => {
        const found = statSync(file);
        return found.isDirectory() || (found.isFile() && !file.endsWith('.sqlite-shm'));
      },
    });
  const ports = {};
  for (const [name, host] of Object.entries({ a, b })) {
    const [, port] = /\[listeners\.doveadm\][^[]*port = (\d+)/.exec(readFileSync(host.configFile, 'utf8'));
    ports[name] = port;
    ports[`${name}-http`] = new URL(host.http.url).port;
  }
  for (const name of ['a', 'b']) {
    let text = readFileSync(join(target, name, 'dsyncd.toml'), 'utf8').replaceAll(folder, '@FOLDER@');
    for (const [key, port] of Object.entries(ports)) text = text.replaceAll(port, `@PORT-${key}@`);
    writeFileSync(join(target, name, 'dsyncd.toml'), text);
  }
  const file = join(process.argv[3] ?? import.meta.dirname, `state-${version}`);
  execFileSync('tar', [
    '--create',
    '--gzip',
    '--file',
    `${file}.tar.gz`,
    '--owner=0',
    '--group=0',
    '-C',
    target,
    'a',
    'b',
  ]);
  writeFileSync(
    `${file}.json`,
    `${JSON.stringify({ queue: { a: queueOfA, b: queueOfB }, mail }, undefined, 2)}\n`,
  );
  rmSync(target, { recursive: true });
  process.stdout.write(`${file}.tar.gz: ${statSync(`${file}.tar.gz`).size} bytes\n`);
} finally {
  await Promise.all([a.stop(), b.stop()]);
  rmSync(folder, { recursive: true, force: true });
}
