import { watch } from 'node:fs';
import { dovecotProblem, LmtpClient, percentile, until } from '@dsyncd/testkit';
import { ensureDebianPackages, testPackages } from '../tooling/setup.mjs';
import { countMails, startBuiltIn, startOurReplicator, startTheirReplicator } from './dovecot-sides.mjs';
import { makeMail, median } from './rig.mjs';
import { row } from './row.mjs';

const clients = 8;
const mailBytes = 4096;
/** Ours may take so many times as long as theirs: two runs of the same thing differ by as much. */
const ratioMax = 1.1;
let mailNumber = 0;

/** Dovecot with dsyncd, Dovecot with its own replicator, and the built-in pair, by turns in one run. */
export async function measureDovecotReplicator(pick) {
  const wanted = Object.entries(testPackages).filter(([name]) => name.startsWith('dovecot-'));
  ensureDebianPackages(Object.fromEntries(wanted));
  const problem = dovecotProblem('2.3');
  if (problem !== undefined) {
    process.stderr.write(`  skipped: ${problem}\n`);
    return [];
  }
  const users = Array.from({ length: pick(200, 4) }, (_, index) => `u${index}@example.com`);
  const latencyUser = 'latency@example.com';
  const sides = [];
  try {
    for (const start of [startOurReplicator, startTheirReplicator, startBuiltIn])
      sides.push(await start([...users, latencyUser]));
    for (const side of sides) await prepare(side, [...users, latencyUser]);
    return [
      ...(await measureNothingToDo(sides, users.length + 1, pick(7, 1))),
      ...(await measureBurst(sides, users, pick(2000, 16), pick(5, 1))),
      ...(await measureLatency(sides, latencyUser, pick(150, 3))),
    ];
  } finally {
    for (const side of sides) await side.close();
  }
}

/** Every user has a mail on both hosts, and a state for incremental syncs. */
async function prepare(side, users) {
  await side.open();
  await deliver(side, users, users.length);
  // Dovecot's first syncs of a user may fail where both hosts begin at once, and a Dovecot that has just started may be
  // throttled for seconds; the full ones after them mend it.
  await side.settle().catch(() => {});
  await until('the first full syncs succeed', () =>
    side.syncAll({ isFull: true }).then(
      () => true,
      () => false,
    ),
  );
  for (let round = 0; round < 2; round++) await side.syncAll({ isFull: false });
  await side.settle();
}

/** Delivers mails to the users by turns; answers seconds. */
async function deliver(side, users, mails) {
  const startedAt = performance.now();
  let next = 0;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = await LmtpClient.connect(side.a.lmtp);
      while (next < mails) await deliverOne(client, users[next++ % users.length]);
      client.close();
    }),
  );
  return (performance.now() - startedAt) / 1000;
}

async function deliverOne(client, user) {
  const [reply] = await client.deliver([user], makeMail(mailNumber++, mailBytes));
  if (!reply?.startsWith('250')) throw new Error(`LMTP: ${reply}`);
}

async function measureNothingToDo(sides, users, rounds) {
  const seconds = sides.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, side] of sides.entries()) {
      seconds[index].push(await side.syncAll({ isFull: false }));
      await side.settle();
    }
  const what = `${users} incremental syncs with nothing to do`;
  return [
    ...sides.map(({ name }, index) => row(`${what}: ${name}`, users / median(seconds[index]), 'users/s')),
    verdict(what, median(ratios(seconds))),
  ];
}

/** From the first delivery until the replica has every mail. */
async function measureBurst(sides, users, mails, rounds) {
  const seconds = sides.map(() => []);
  const delivered = sides.map(() => []);
  for (let round = 0; round < rounds; round++)
    for (const [index, side] of sides.entries()) {
      const wanted = (await countMails(side.b, users)) + mails;
      const startedAt = performance.now();
      delivered[index].push(await deliver(side, users, mails));
      const hasAll = async () => (await countMails(side.b, users)) >= wanted;
      await until('the replica has every mail', hasAll, { timeoutMs: 600_000, everyMs: 25 });
      seconds[index].push((performance.now() - startedAt) / 1000);
      await side.settle();
      for (const [name, host] of Object.entries({ a: side.a, b: side.b })) {
        const found = await countMails(host, users);
        if (found !== wanted) throw new Error(`${side.name}: ${found} mails on ${name}, not ${wanted}`);
      }
    }
  const what = `until the replica has ${mails.toLocaleString('en-US')} mails of 4 KB for ${users.length} users, ${clients} LMTP clients`;
  return [
    ...sides.map(({ name }, index) => row(`${what}: ${name}`, median(seconds[index]), 's')),
    ...sides.map(({ name }, index) => row(`of which LMTP took: ${name}`, median(delivered[index]), 's')),
    verdict(what, median(ratios(seconds))),
  ];
}

async function measureLatency(sides, user, mails) {
  const warm = 5;
  const latencies = sides.map(() => []);
  const clientsOf = await Promise.all(sides.map((side) => LmtpClient.connect(side.a.lmtp)));
  for (let number = -warm; number < mails; number++)
    for (const [index, side] of sides.entries()) {
      const latency = await deliverAndWatch(clientsOf[index], side, user);
      if (number >= 0) latencies[index].push(latency);
      await side.settle();
    }
  for (const client of clientsOf) client.close();
  const what = "delivery until it is on the replica's disk";
  return [0.5, 0.95].flatMap((fraction) => {
    const label = `${what}, p${fraction * 100}`;
    const values = latencies.map((list) => percentile(list, fraction));
    return [
      ...sides.map(({ name }, index) => row(`${label}: ${name}`, values[index], 'ms')),
      verdict(label, values[0] / values[1]),
    ];
  });
}

async function deliverAndWatch(client, side, user) {
  const watcher = watch(side.b.inbox(user));
  const arrived = new Promise((resolve, reject) => {
    watcher.on('change', (_, name) => name !== null && side.b.isMail(name) && resolve());
    watcher.on('error', reject);
  });
  const startedAt = performance.now();
  await deliverOne(client, user);
  await arrived;
  watcher.close();
  return performance.now() - startedAt;
}

/** Turn by turn: how many times as long dsyncd took as Dovecot's replicator; what else runs here disturbs both alike. */
const ratios = ([ours, theirs]) => ours.map((value, turn) => value / theirs[turn]);

const verdict = (what, ratio) =>
  row(`${what}: time with dsyncd against Dovecot's replicator`, ratio, 'times', { target: ratioMax });
