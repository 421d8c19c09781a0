import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecotProblem, dovecotVersions, type MailSnapshot } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mails } from './support/scenarios.ts';
import { Scene } from './support/scene.ts';
import { transports, World } from './support/world.ts';

const leaders = ['theirs', 'ours'] as const;
const names = transports.flatMap((transport) =>
  [...leaders, 'backup', 'fetch'].map((name) => `${name}-${transport}@example.com`),
);

const mailsOf = ({ mailboxes }: MailSnapshot): unknown =>
  [...mailboxes].map(([path, mailbox]) => [path, mailbox.mails]);

for (const version of dovecotVersions)
  describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version}`, () => {
    let world: World;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'wire-'));
      world = await World.start({ version, mailFormat: 'sdbox', users: names, folder });
      for (const user of names) await world.addUser(user);
    });

    afterAll(async () => {
      await world.stop();
      rmSync(folder, { recursive: true });
    });

    describe.each(transports)('over %s', (transport) => {
      it.each(leaders)('merges what both sides did, led by %s', async (leader) => {
        const scene = new Scene(world, { user: `${leader}-${transport}@example.com`, leader, transport });
        const { ours, theirs } = scene;
        await theirs.save('INBOX', mails(3));
        await ours.create('Ours/Nested');
        await ours.save('Ours/Nested', mails(2));
        await scene.converge('full');
        await ours.save('INBOX', mails(1));
        await theirs.save('INBOX', mails(1));
        await theirs.addFlags('INBOX', 1, ['\\Flagged']);
        await ours.expunge('INBOX', 2);
        const { mailboxes } = await scene.converge();
        expect(mailboxes.get('INBOX')?.mails).toHaveLength(4);
        expect(mailboxes.get('Ours/Nested')?.mails).toHaveLength(2);
      });

      it('takes a backup of what a Dovecot has, and drops what it has not', async () => {
        const scene = new Scene(world, {
          user: `backup-${transport}@example.com`,
          leader: 'theirs',
          transport,
        });
        const { ours, theirs } = scene;
        await theirs.save('INBOX', mails(2));
        await theirs.create('Theirs');
        await ours.save('INBOX', mails(3));
        await ours.create('Ours');
        const before = mailsOf(await theirs.list());
        await scene.doveadm('backup');
        await scene.expectEqual();
        // Its UIDVALIDITY may be another one: as we had more mails, Dovecot took ours.
        expect(mailsOf(await theirs.list())).toEqual(before);
        await theirs.expunge('INBOX', 1);
        await scene.doveadm('backup');
        const { mailboxes } = await scene.expectEqual();
        expect(mailboxes.get('INBOX')?.mails).toHaveLength(1);
      });

      it('gives a Dovecot that fetches a backup all that we have', async () => {
        const scene = new Scene(world, {
          user: `fetch-${transport}@example.com`,
          leader: 'theirs',
          transport,
        });
        const { ours, theirs } = scene;
        await ours.save('INBOX', mails(2));
        await ours.create('Ours');
        await ours.save('Ours', mails(1));
        const before = await ours.list();
        await scene.doveadm('backup', '-R');
        await scene.expectEqual();
        expect(await ours.list()).toEqual(before);
        await theirs.save('INBOX', mails(1));
        await ours.expunge('INBOX', 1);
        await scene.doveadm('backup', '-R');
        const { mailboxes } = await scene.expectEqual();
        expect(mailboxes.get('INBOX')?.mails).toHaveLength(1);
      });
    });
  });
