import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { LmtpClient, runProgram, until } from '@dsyncd/testkit';
import { expect, it } from 'vitest';
import { cleanUpAfterTests, mailOf } from './support.ts';
import { makePairHosts, PairHost } from './support-pair-host.ts';

cleanUpAfterTests();

const ann = 'ann@example.com';

const etcOfPair = [
  'dsyncd',
  ...['ca.pem', 'dsyncd.toml', 'host.key', 'host.pem', 'pair.json', 'secret'].map((name) => `dsyncd/${name}`),
];

it('makes two hosts a pair that replicates, and takes it back', async () => {
  const [mx1, mx2] = await makePairHosts();
  const first = mx1.init('start');
  const second = mx2.join('start', await first.event('code'));
  expect([await first.ended, await second.ended], first.stderr + second.stderr).toEqual([0, 0]);
  for (const { events } of [first, second]) {
    expect(events.find(({ event }) => event === 'doctor')).toMatchObject({ good: true });
    expect(events.at(-1)).toMatchObject({ event: 'paired', result: 'good', undo: 'dsyncadm pair undo' });
  }

  const client = await LmtpClient.connect(mx1.path('run/dsyncd/lmtp'));
  const [reply] = await client.deliver([ann], Buffer.from(mailOf('paired'))).finally(() => client.close());
  expect(reply).toMatch(/^250 /);
  await until('the mail is on the other host', async () =>
    (await mx2.admin('mailbox', 'status', '-u', ann, '--json', 'INBOX')).stdout.includes(
      '"messagesCount": 1',
    ),
  );

  const secret = (await readFile(mx1.path('etc/dsyncd/secret'), 'utf8')).trim();
  const shown = JSON.stringify([first.events, second.events]) + first.stderr + second.stderr;
  expect(shown).not.toContain(secret);
  expect(shown).not.toContain('PRIVATE KEY');

  const again = mx1.init('none');
  expect(await again.ended).toBe(65);
  expect(again.stderr).toContain('this host is paired with mx2.example.test already');

  for (const host of [mx1, mx2]) {
    expect(await host.undo()).toMatchObject({ code: 0 });
    expect(await host.etc()).toEqual([]);
    expect((await readdir(host.path('srv/mail'))).length, 'mail stays').toBeGreaterThan(0);
    expect(await host.undo()).toMatchObject({ code: 65 });
  }
}, 120_000);

it('syncs the mail that one host had before, to its end', async () => {
  const [mx1, mx2] = await makePairHosts();
  await mx1.saveBefore(['ann', 'bob', 'cyd']);
  const first = mx1.init('start', ['--probe', ann]);
  const second = mx2.join('start', await first.event('code'));
  expect([await first.ended, await second.ended], first.stderr + second.stderr).toEqual([0, 0]);
  expect(JSON.stringify(await first.event('doctor'))).toContain('probe-deliver');
  expect(await first.event('synced')).toMatchObject({ users: 3, left: 0 });
  expect((await readdir(mx2.path('srv/mail'))).sort()).toEqual([
    'ann@example.com',
    'bob@example.com',
    'cyd@example.com',
  ]);
}, 120_000);

it('fills a new host after the old one was lost, though the queue remembers its syncs', async () => {
  const [mx1, mx2] = await makePairHosts();
  const pairWith = async (other: PairHost): Promise<void> => {
    const first = mx1.init('start');
    const second = other.join('start', await first.event('code'));
    expect([await first.ended, await second.ended], first.stderr + second.stderr).toEqual([0, 0]);
  };
  await pairWith(mx2);
  const saved = ['mail', 'save', '--create-user', '-u', ann];
  expect(
    await runProgram('dsyncadm', ['-c', mx1.path('etc/dsyncd/dsyncd.toml'), ...saved], mailOf('kept')),
  ).toMatchObject({ code: 0 });
  expect(await mx1.admin('drain', '--timeout', '20')).toMatchObject({ code: 0 });
  for (const host of [mx1, mx2]) expect(await host.undo()).toMatchObject({ code: 0 });
  const mx3 = await PairHost.make('mx3.example.test');
  await pairWith(mx3);
  expect(await readdir(mx3.path('srv/mail'))).toEqual([ann]);
}, 120_000);

/** Where a command is killed: when it has shown an event, or made a file. */
const moments: readonly (readonly [string, 'event' | 'file'])[] = [
  ['plan', 'event'],
  ['etc/dsyncd/pair.json', 'file'],
  ['etc/dsyncd/host.key', 'file'],
];

for (const side of ['init', 'join'] as const)
  for (const [moment, kind] of moments)
    it(`begins again after a kill of ${side} at ${kind} ${moment}`, async () => {
      const [mx1, mx2] = await makePairHosts();
      const first = mx1.init('none');
      const second = mx2.join('none', await first.event('code'));
      const [victim, host] = side === 'init' ? [first, mx1] : [second, mx2];
      if (kind === 'event') await victim.event(moment);
      else await until(`${moment} is there`, () => existsSync(host.path(moment)), { everyMs: 1 });
      victim.kill();
      const [one, two] = [await first.ended, await second.ended];
      // A host that was not killed has all of its files, or none.
      const other = side === 'init' ? mx2 : mx1;
      expect([[], etcOfPair]).toContainEqual(await other.etc());
      expect(side === 'init' ? two : one, 'nobody hangs').toSatisfy((code) => typeof code === 'number');

      for (const each of [mx1, mx2]) {
        const journal = await readFile(each.path('etc/dsyncd/pair.json'), 'utf8').catch(() => '');
        if (journal.includes('"kept"')) expect(await each.undo()).toMatchObject({ code: 0 });
      }
      const again = mx1.init('none');
      const joined = mx2.join('none', await again.event('code'));
      await Promise.all([again.ended, joined.ended]);
      for (const { events, stderr } of [again, joined])
        expect(events.at(-1), stderr).toMatchObject({ event: 'paired' });
      for (const each of [mx1, mx2]) expect(await each.etc()).toEqual(etcOfPair);
    }, 60_000);

it('stops before anything is written where a configuration is there', async () => {
  const [mx1] = await makePairHosts();
  await mkdir(mx1.path('etc/dsyncd'), { recursive: true });
  await writeFile(mx1.path('etc/dsyncd/dsyncd.toml'), '# mine\n');
  const command = mx1.init('none');
  expect(await command.ended).toBe(65);
  expect(command.stderr).toContain('dsyncd.toml');
  expect(command.stderr).toContain('nothing that exists is overwritten');
  expect(await mx1.etc()).toEqual(['dsyncd', 'dsyncd/dsyncd.toml']);
});

it('shows the plan and writes nothing with --dry-run, on both sides', async () => {
  const [mx1, mx2] = await makePairHosts();
  const first = mx1.init('none', ['--dry-run']);
  const second = mx2.join('none', { event: 'code', code: '', port: 1 }, ['--dry-run']);
  expect([await first.ended, await second.ended], first.stderr + second.stderr).toEqual([0, 0]);
  for (const { events } of [first, second]) {
    expect(events.map(({ event }) => event)).toEqual(['plan']);
    expect(JSON.stringify(events)).toContain('etc/dsyncd/host.key');
  }
  expect([...(await mx1.etc()), ...(await mx2.etc())]).toEqual([]);
});
