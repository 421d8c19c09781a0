import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { cleanUpAfterTests } from './support.ts';
import { makePairHosts, type PairHost } from './support-pair-host.ts';
import { PtyCommand } from './support-pty.ts';

cleanUpAfterTests();

const waiting = ['--pair-port', '0', '--pair-address', '127.0.0.1'];

/** Answers what `init` asks, until it prints the code. */
async function initByHand(host: PairHost): Promise<{ pty: PtyCommand; target: string; code: string }> {
  const pty = new PtyCommand(['pair', 'init', ...waiting, ...host.placeOptions('start')]);
  await pty.answer('Name of this host [', host.hostname);
  await pty.answer(
    `Name or address at which the other host reaches this one [${host.hostname}]: `,
    '127.0.0.1',
  );
  await pty.answer('Where the mail is, builtin or dovecot [', 'builtin');
  await pty.shows('for 15 minutes:');
  await pty.shows('-');
  const [, target = ''] = /dsyncadm pair join (\S+)/.exec(pty.screen) ?? [];
  const [, code = ''] = /15 minutes:\s+(\S+)/.exec(pty.screen) ?? [];
  return { pty, target, code };
}

async function joinByHand(host: PairHost, target: string, code: string): Promise<PtyCommand> {
  const pty = new PtyCommand(['pair', 'join', target, ...host.placeOptions('start')]);
  await pty.answer('Name of this host [', host.hostname);
  await pty.answer('reaches this one [', '127.0.0.1');
  await pty.answer('builtin or dovecot [', 'builtin');
  await pty.answer('Code: ', code);
  return pty;
}

it('asks each person, shows the plan and the files, and the first sync until its end', async () => {
  const [mx1, mx2] = await makePairHosts();
  await mx1.saveBefore(['ann', 'bob']);
  const { pty: first, target, code } = await initByHand(mx1);
  const second = await joinByHand(mx2, target, code);
  await first.answer('Do this? [y/N, s shows the files]: ', 's');
  await first.shows('mail_replica = "tcps:127.0.0.1:');
  await first.answer('Do this? [y/N, s shows the files]: ', 'y');
  await second.answer('Do this? [y/N, s shows the files]: ', 'yes');
  expect(await Promise.all([first.ended, second.ended]), first.screen + second.screen).toEqual([0, 0]);
  for (const { screen } of [first, second]) {
    expect(screen).toContain('replicate to each other.');
    expect(screen).toContain('To take it back on this host: dsyncadm pair undo');
    expect(screen).not.toContain('PRIVATE KEY');
    expect(screen).not.toContain((await readFile(mx1.path('etc/dsyncd/secret'), 'utf8')).trim());
  }
  expect(first.screen).toMatch(/first sync \[[#.]{30}\] [012] of 2 users, \d running/);
  expect(first.screen).toContain('First sync: 2 users replicated');
  const undo = new PtyCommand(['pair', 'undo', '--root', mx1.root]);
  await undo.answer('Take back the pairing with mx2.example.test? Mail stays [y/N]: ', 'y');
  expect(await undo.ended).toBe(0);
  expect(await mx1.etc()).toEqual([]);
}, 60_000);

it('writes nothing on either host when one person says no', async () => {
  const [mx1, mx2] = await makePairHosts();
  const { pty: first, target, code } = await initByHand(mx1);
  const second = await joinByHand(mx2, target, code);
  await second.answer('Do this? [', 'n');
  expect(await second.ended).toBe(69);
  expect(second.screen).toContain('the plan was not accepted');
  await first.answer('Do this? [', 'y');
  expect(await first.ended).toBe(69);
  expect(first.screen).toContain('the plan was not accepted');
  for (const host of [mx1, mx2]) expect(await host.etc()).toEqual([]);
}, 60_000);

it.each([
  ['Ctrl+C', '\u0003'],
  ['Ctrl+D', '\u0004'],
])(
  'ends at %s instead of taking the answer for the default',
  async (_, key) => {
    const [mx1] = await makePairHosts();
    const pty = new PtyCommand(['pair', 'init', ...waiting, ...mx1.placeOptions('start')]);
    await pty.shows('Name of this host [');
    pty.type(key);
    expect(await pty.ended).toBe(69);
    expect(pty.screen).not.toContain('reaches this one');
    expect(existsSync(mx1.path('etc'))).toBe(false);
  },
  30_000,
);
