/** Mailboxes that a Dovecot cannot have, for their names, must not hold up the others of their user. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DovecotHost, dovecotProblem, dovecotVersions, until } from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { mails } from './support/scenarios.ts';
import { Scene } from './support/scene.ts';
import { World } from './support/world.ts';

const user = 'ann@example.com';
const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');
const prefix = ['namespace inbox {', '  prefix = INBOX/', '}'];
/** One component of a file name where a Maildir has all levels in one. */
const long = ['Long', 'x'.repeat(200), 'y'.repeat(200)].join('/');

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const cases = [
  { what: 'a name outside of its namespaces', mailFormat: 'sdbox', settings: prefix, name: 'Top' },
  { what: 'a long nested name', mailFormat: 'maildir', settings: [], name: long },
] as const;

for (const version of dovecotVersions)
  describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version}`, () => {
    test.each(cases)(
      'built-in host beside it: $what is left out, and the rest goes on',
      async ({ mailFormat, settings, name }) => {
        const folder = mkdtempSync(join(tmpdir(), 'impossible-'));
        const world = await World.start({ version, mailFormat, settings, folder, users: [user] });
        cleanups.push(async () => {
          await world.stop();
          rmSync(folder, { recursive: true });
        });
        await world.addUser(user);
        const { ours } = world.sides(user);
        const below = 'INBOX/Below';
        for (const mailbox of [name, below]) {
          await ours.create(mailbox);
          await ours.save(mailbox, mails(1));
        }
        await ours.save('INBOX', mails(2));
        const sync = async () => world.trySync(world.dovecot.place.doveadmPort, user, 'normal');

        const { outcome, failure } = await sync();

        expect({ outcome, ...failure }).toMatchObject({
          outcome: 'transient',
          code: 'DSYNCD_MAILBOX_LEFT_OUT',
          reason: expect.stringMatching(/cannot have the mailbox (Top|Long).*it says: (Couldn't|Can't)/),
          hint: expect.stringContaining('rename'),
        });
        // One by one: a mask of "*" finds nothing where names have a prefix.
        const countOf = async (mailbox: string): Promise<string | undefined> => {
          const args = ['mailbox', 'status', '-u', user, 'messages', mailbox];
          return /messages=(\d+)/.exec((await world.dovecot.tryDoveadm(args)).stdout)?.[1];
        };
        expect(await countOf('INBOX')).toBe('2');
        expect(await countOf(below)).toBe('1');
        expect(await countOf(name)).toBeUndefined();

        // What helps, as the hint says.
        await ours.rename(name, 'INBOX/Short');
        if (name === long) await ours.remove('Long').catch(() => {});
        expect((await sync()).outcome).toBe('ok');
        expect(await countOf('INBOX/Short')).toBe('1');
      },
    );

    test.each(['sdbox', 'maildir'] as const)(
      'a name with %% and two hex digits is the same on both in the end, %s',
      async (mailFormat) => {
        const folder = mkdtempSync(join(tmpdir(), 'impossible-'));
        const world = await World.start({ version, mailFormat, folder, users: [user] });
        cleanups.push(async () => {
          await world.stop();
          rmSync(folder, { recursive: true });
        });
        await world.addUser(user);
        const scene = new Scene(world, { user, leader: 'ours', transport: 'tcp' });
        await scene.ours.create('a%2eb');
        await scene.ours.save('a%2eb', mails(1));
        await scene.ours.save('INBOX', mails(2));
        const { mailboxes } = await scene.converge('full', { withBodies: true });
        expect([...mailboxes.values()].map((mailbox) => mailbox.mails.length).sort()).toEqual([1, 2]);
      },
    );

    test.each(cases)(
      'two Dovecots: $what is left out, and the rest goes on',
      async ({ mailFormat, settings, name }) => {
        const limits = { mailFormat, dovecotLines: settings };
        const a = await DovecotHost.start({ name: 'a', version, users: [user], ...limits });
        const b = await DovecotHost.start({ name: 'b', version, users: [user] });
        cleanups.push(async () => {
          await Promise.all([a.stop(), b.stop()]);
        });
        await b.dovecot.doveadm(['mailbox', 'create', '-u', user, name]);
        await b.dovecot.deliver(user, [mail]);
        await a.startDsyncd(b.dovecot.tcp);
        await a.dovecot.deliver(user, [mail]);
        for (const { dovecot } of [a, b])
          await until('the rest is there', async () => {
            const { stdout } = await dovecot.tryDoveadm(['search', '-u', user, 'mailbox', 'INBOX']);
            return stdout.trim().split('\n').length === 2;
          });
        await until('the failure names it', () =>
          a.syncs.some(({ reason }) => /cannot have the mailbox (Top|Long)/.test(String(reason))),
        );
      },
    );
  });
