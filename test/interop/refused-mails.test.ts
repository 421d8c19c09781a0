import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, type Uid } from '@dsyncd/core';
import { dovecotProblem, type MailSnapshot, until } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { World } from './support/world.ts';

const leaders = ['theirs', 'ours'] as const;
const userOf = (leader: string): string => `${leader}@example.com`;

/** Dovecot takes no mail of more than 100 KB. */
const sizeLimit = [
  'mail_plugins = quota',
  'plugin {',
  '  quota = count:User quota',
  '  quota_vsizes = yes',
  '  quota_max_mail_size = 100k',
  '}',
];

const mailOf = (index: number, lines: number): Buffer =>
  Buffer.from(`Subject: mail ${index}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(lines)}`);
const bodiesOf = ({ mailboxes }: MailSnapshot): string[] =>
  (mailboxes.get('INBOX')?.mails ?? []).map((line) => line.split(' ').at(-1) ?? '').sort();

const version = '2.3';
for (const mailFormat of ['sdbox', 'maildir'] as const)
  describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version} with ${mailFormat}`, () => {
    let world: World;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'refused-'));
      world = await World.start({
        version,
        mailFormat,
        users: [...leaders, 'stateful'].map(userOf),
        folder,
        settings: sizeLimit,
      });
    });

    afterAll(async () => {
      await world.stop();
      rmSync(folder, { recursive: true });
    });

    async function expungeLarge(user: string): Promise<void> {
      const mail = await world.store.open(parseUserName(user));
      const inbox = await mail.mailboxByPath(['INBOX']);
      for (const { uid, size } of (await inbox?.mails(1 as Uid, 100)) ?? [])
        if (size > 100_000) await inbox?.apply([{ type: 'expunge', uid }]);
      await mail.close();
    }

    it.each(leaders)(
      'a mail that it refuses is lost on no host, the failure says where, and its remedy helps, led by %s',
      async (leader) => {
        const user = userOf(leader);
        await world.addUser(user);
        const { ours, theirs } = world.sides(user);
        await ours.save('INBOX', [mailOf(0, 1), mailOf(1, 3000), mailOf(2, 1)]);
        let said = '';
        let isRefusing = true;
        const sync = async (): Promise<void> => {
          if (leader === 'ours') {
            const { outcome, failure } = await world.trySync(world.dovecot.place.doveadmPort, user, 'normal');
            if (isRefusing) expect(outcome).not.toBe('ok');
            said += `${failure?.reason ?? ''}\n`;
          } else await world.dovecot.tryDoveadm(['sync', '-u', user, `tcp:127.0.0.1:${world.serverPort}`]);
        };
        for (let round = 0; round < 4; round++) await sync();
        await ours.save('INBOX', [mailOf(3, 1)]);
        for (let round = 0; round < 3; round++) await sync();

        // A save that failed may have made Dovecot rebuild its index, which it does at the next look.
        await until('Dovecot can read its mailbox', async () => {
          await theirs.list().catch(() => undefined);
          return theirs.list({ withBodies: true }).then(
            () => true,
            () => false,
          );
        });
        const here = bodiesOf(await ours.list({ withBodies: true }));
        const there = bodiesOf(await theirs.list({ withBodies: true }));
        expect(new Set(here).size).toBe(4);
        expect(here).toHaveLength(4);
        // What comes after it waits.
        expect(here).toEqual(expect.arrayContaining(there));
        if (leader === 'ours') expect(said).toMatch(/cannot save a mail of mailbox INBOX, with UID \d+/);

        // The remedy that the failure names.
        isRefusing = false;
        await expungeLarge(user);
        for (let round = 0; round < 4; round++) await sync();
        const rest = bodiesOf(await ours.list({ withBodies: true }));
        expect(rest).toHaveLength(3);
        expect(bodiesOf(await theirs.list({ withBodies: true }))).toEqual(rest);
      },
    );

    it('a state that it keeps hides no mail that it refused', async () => {
      const user = userOf('stateful');
      await world.addUser(user);
      const { ours, theirs } = world.sides(user);
      await ours.save('INBOX', [mailOf(0, 1)]);
      let state = '';
      const sync = async (): Promise<number> => {
        const args = ['sync', '-u', user, '-s', state, `tcp:127.0.0.1:${world.serverPort}`];
        const { status, stdout } = await world.dovecot.tryDoveadm(args);
        // As Dovecot's own replicator does: kept from a success alone.
        state = status === 0 ? stdout.trim() : '';
        return status;
      };
      expect(await sync()).toBe(0);
      await ours.save('INBOX', [mailOf(1, 3000), mailOf(2, 1)]);
      const statuses: number[] = [];
      for (let round = 0; round < 6; round++) statuses.push(await sync());

      expect(bodiesOf(await ours.list({ withBodies: true }))).toHaveLength(3);
      expect(bodiesOf(await theirs.list({ withBodies: true })).length).toBeGreaterThanOrEqual(1);
      expect(statuses).not.toContain(0);
    });
  });
