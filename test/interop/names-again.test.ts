/** A name that is given to another mailbox: deleted and made anew, or moved out of INBOX. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecotProblem, dovecotVersions } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mails } from './support/scenarios.ts';
import { Scene } from './support/scene.ts';
import { World } from './support/world.ts';

const leaders = ['theirs', 'ours'] as const;
/** Which of two GUIDs is the greater one is up to chance. */
const runs = [1, 2];
const sides = ['theirs', 'ours'] as const;
const deeds = ['recreated', 'inbox-renamed'] as const;

for (const version of dovecotVersions)
  for (const mailFormat of ['sdbox', 'maildir'] as const)
    describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version} with ${mailFormat}`, () => {
      let world: World;
      let folder: string;
      const cells = leaders
        .flatMap((leader) =>
          sides.flatMap((side) => deeds.flatMap((deed) => runs.map((run) => ({ leader, side, deed, run })))),
        )
        // Dovecot lets nobody rename the INBOX of a Maildir: the other mailboxes lie in it.
        .filter(({ side, deed }) => mailFormat !== 'maildir' || side === 'ours' || deed === 'recreated');
      const userOf = ({ leader, side, deed, run }: (typeof cells)[number]): string =>
        `${leader}-${side}-${deed}${run}@example.com`;

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'names-'));
        const users = cells.map(userOf);
        world = await World.start({ version, mailFormat, users, folder });
        for (const user of users) await world.addUser(user);
      });
      afterAll(async () => {
        await world.stop();
        rmSync(folder, { recursive: true });
      });

      test.concurrent.each(cells.filter(({ deed }) => deed === 'recreated'))(
        'a mailbox deleted and made anew by $side converges, led by $leader, run $run',
        async (cell) => {
          const scene = new Scene(world, { user: userOf(cell), leader: cell.leader, transport: 'tcp' });
          const [there, other] =
            cell.side === 'ours' ? [scene.ours, scene.theirs] : [scene.theirs, scene.ours];
          await there.create('P');
          await there.save('P', mails(2));
          await other.save('INBOX', mails(1));
          await scene.converge('full', { withBodies: true });
          await there.remove('P');
          await there.create('P');
          await there.save('P', mails(1));
          const { mailboxes } = await scene.converge('incremental', { withBodies: true });
          expect(mailboxes.get('P')?.mails.length).toBeGreaterThanOrEqual(1);
        },
      );

      test.concurrent.each(cells.filter(({ deed }) => deed === 'inbox-renamed'))(
        'INBOX renamed by $side converges, led by $leader, run $run',
        async (cell) => {
          const scene = new Scene(world, { user: userOf(cell), leader: cell.leader, transport: 'tcp' });
          const there = scene[cell.side];
          await there.save('INBOX', mails(3));
          await scene.converge('full', { withBodies: true });
          await there.rename('INBOX', 'Old');
          await there.save('INBOX', mails(1));
          const { mailboxes } = await scene.converge('incremental', { withBodies: true });
          const counts = ['INBOX', 'Old'].map((name) => mailboxes.get(name)?.mails.length ?? 0);
          expect(counts).toEqual([1, 3]);
        },
      );
    });
