import {
  type Dovecot,
  DovecotHost,
  type DovecotVersion,
  dovecotProblem,
  seededRandom,
  until,
} from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const users = ['ann@example.com', 'bob@example.com', 'cyd@example.com'];
const hosts: DovecotHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.stop()));
});

async function startPair(a: DovecotVersion, b: DovecotVersion): Promise<[DovecotHost, DovecotHost]> {
  const pair = await Promise.all([
    DovecotHost.start({ name: 'a', version: a, users }),
    DovecotHost.start({ name: 'b', version: b, users }),
  ]);
  hosts.push(...pair);
  const [one, other] = pair;
  await Promise.all([one.startDsyncd(other.dovecot.tcp), other.startDsyncd(one.dovecot.tcp)]);
  return pair;
}

/** All that replication must make equal, as Dovecot itself tells it. */
async function listing(host: DovecotHost): Promise<string> {
  const { dovecot } = host;
  const parts: string[] = [];
  for (const user of users) {
    const mails = await host.rows(['fetch', '-u', user, 'mailbox guid uid flags', 'mailbox', '*']);
    const lines = mails.map(({ mailbox, guid, uid, flags = '' }) => {
      const words = flags.split(' ').filter((word) => word !== '' && word !== '\\Recent');
      return `${mailbox} ${uid} ${guid} ${words.sort().join(' ')}`;
    });
    const names = (await dovecot.doveadm(['mailbox', 'list', '-u', user])).trim().split('\n');
    const subscribed = (await dovecot.doveadm(['mailbox', 'list', '-s', '-u', user])).trim().split('\n');
    parts.push(user, ...lines.sort(), `names ${names.sort()}`, `subscribed ${subscribed.sort()}`);
  }
  return parts.join('\n');
}

const mail = (host: string, number: number): Buffer =>
  Buffer.from(
    `From: x@example.com\r\nSubject: ${host} ${number}\r\nMessage-ID: <${host}.${number}@t>\r\n\r\nbody\r\n`,
  );

/** An MTA delivers again after a 4xx, and when a Dovecot 2.3 that panics (see below) closes the connection. */
async function deliverAsAnMta(dovecot: Dovecot, user: string, body: Buffer): Promise<void> {
  await until('the mail is delivered', async () => {
    try {
      await dovecot.deliver(user, [body]);
      return true;
    } catch (error) {
      if (/the server closed the connection|LMTP: 4/.test(String(error))) return false;
      throw error;
    }
  });
}

/** What users of one host do meanwhile; a command may come too late for its mailbox, as in life. */
async function live({ dovecot }: DovecotHost, name: string, seed: number): Promise<void> {
  const random = seededRandom(seed);
  const pick = (count: number): number => Math.floor(random.fraction() * count);
  for (let turn = 0; turn < 25; turn++) {
    const user = users[pick(users.length)] ?? '';
    const box = `${name}${pick(3)}`;
    const commands: string[][] = [
      ['flags', 'add', '-u', user, '\\Seen', 'mailbox', 'INBOX', 'uid', `${1 + pick(9)}`],
      ['flags', 'add', '-u', user, `$Label${pick(3)}`, 'mailbox', 'INBOX', 'uid', `${1 + pick(9)}`],
      ['flags', 'remove', '-u', user, '\\Seen', 'mailbox', 'INBOX', 'uid', `${1 + pick(9)}`],
      ['mailbox', 'create', '-u', user, box],
      ['move', '-u', user, box, 'mailbox', 'INBOX', 'uid', `${1 + pick(9)}`],
      ['expunge', '-u', user, 'mailbox', 'INBOX', 'uid', `${1 + pick(9)}`],
      ['mailbox', 'rename', '-u', user, box, `${name}-renamed${pick(3)}`],
      ['mailbox', 'subscribe', '-u', user, box],
      ['mailbox', 'delete', '-u', user, `${name}-renamed${pick(3)}`],
    ];
    await deliverAsAnMta(dovecot, user, mail(name, turn));
    await dovecot.tryDoveadm(commands[pick(commands.length)] ?? []);
  }
}

const pairs: readonly (readonly [DovecotVersion, DovecotVersion])[] = [
  ['2.3', '2.3'],
  ['2.4', '2.4'],
  ['2.4', '2.3'],
];

describe.each(pairs)('Dovecot %s with Dovecot %s', (versionA, versionB) => {
  const problem = dovecotProblem(versionA) ?? dovecotProblem(versionB);

  test.skipIf(problem !== undefined)(
    'both ends become equal after changes on both at once, and then it is quiet',
    async () => {
      const [a, b] = await startPair(versionA, versionB);
      await Promise.all([live(a, 'a', 1), live(b, 'b', 2)]);
      let last = ['', ' '];
      await until(
        'both hosts list the same',
        async () => {
          // A mailbox may vanish while it is listed.
          last = await Promise.all([a, b].map((host) => listing(host).catch(String)));
          return last[0] === last[1] && !last[0]?.startsWith('Error');
        },
        { timeoutMs: 60_000, everyMs: 300 },
      ).catch((error: unknown) => {
        expect(last[0]).toBe(last[1]);
        throw error;
      });
      await Promise.all([a, b].map(recovered));
      await quiet([a, b]);
    },
    150_000,
  );
});

test.skipIf(dovecotProblem('2.3') !== undefined)(
  'a name that Dovecot 2.3 cannot settle does not keep its user in the queue',
  async () => {
    const [a] = await startPair('2.3', '2.3');
    const user = 'ann@example.com';
    const outcomes = (): unknown[] =>
      a.syncs.filter((sync) => sync.user === user).map(({ outcome }) => outcome);
    await a.dovecot.doveadm(['mailbox', 'create', '-u', user, '100%']);
    await until('both have it', () => outcomes().length > 0);
    await a.dovecot.deliver(user, [mail('a', 1)]);
    await until('Dovecot wants another sync', () => outcomes().at(-1) === 'changed');
    await until('it is at rest', () => outcomes().at(-1) === 'ok', { timeoutMs: 30_000 });
  },
  90_000,
);

/**
 * A sync may fail while mailboxes are renamed and deleted under it: Dovecot says "Mailbox was deleted under
 * us", and 2.3 panics when the kernel finds its fcntl locks in a circle ("Resource deadlock avoided"). Such a
 * failure is to be known as one that is worth another try, and that try must end well.
 */
async function recovered(host: DovecotHost): Promise<void> {
  const fine = ['ok', 'changed', 'busy'];
  const failures = host.syncs.filter(({ outcome }) => !fine.includes(String(outcome)));
  expect(failures.filter(({ outcome }) => outcome !== 'transient')).toEqual([]);
  for (const { user } of failures)
    await until(
      `the last sync of ${user} is a good one`,
      () => host.syncs.findLast((sync) => sync.user === user)?.outcome === 'ok',
      { timeoutMs: 60_000 },
    );
}

/** No more syncs after those that were still under way: nothing goes round in circles. */
async function quiet(both: readonly DovecotHost[]): Promise<void> {
  const count = (): number => both.reduce((sum, host) => sum + host.syncs.length, 0);
  let seen = count();
  let since = Date.now();
  await until(
    'no more syncs for 3 s',
    () => {
      if (count() !== seen) [seen, since] = [count(), Date.now()];
      return Date.now() - since > 3_000;
    },
    { timeoutMs: 30_000, everyMs: 100 },
  );
}
