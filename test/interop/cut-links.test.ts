import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  compareSnapshots,
  dovecotProblem,
  dovecotVersions,
  FaultyLink,
  type MailSnapshot,
  seededRandom,
} from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Leader, World } from './support/world.ts';

/** Syncs that are cut before one gets through, for each user; CUT_RUNS users a leader, for a long night. */
const runs = Number(process.env.CUT_RUNS ?? 3);
const firstSeed = Number(process.env.CUT_SEED ?? 1);
const mails = 6;
const leaders = ['theirs', 'ours'] as const;
const userOf = (leader: Leader, run: number): string => `${leader}${run}@example.com`;

const mailOf = (index: number, size: number): Buffer =>
  Buffer.from(`Subject: mail ${index}\r\n\r\n${'x'.repeat(70).concat('\r\n').repeat(size)}`);

/** Every mail has a body of its own: its hash stands at the end of its line. */
const bodiesOf = ({ mailboxes }: MailSnapshot): readonly string[] =>
  [...mailboxes.values()].flatMap((mailbox) => mailbox.mails.map((line) => line.split(' ').at(-1) ?? ''));

for (const version of dovecotVersions)
  for (const mailFormat of ['sdbox', 'maildir'] as const)
    describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version} with ${mailFormat}`, () => {
      let world: World;
      let folder: string;

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'cut-'));
        const users = leaders.flatMap((leader) =>
          Array.from({ length: runs }, (_, run) => userOf(leader, run)),
        );
        world = await World.start({ version, mailFormat, users, folder });
        for (const user of users) await world.addUser(user);
      });

      afterAll(async () => {
        await world.stop();
        rmSync(folder, { recursive: true });
      });

      for (const leader of leaders)
        it.each(Array.from({ length: runs }, (_, run) => run))(
          `a sync that is cut loses and doubles nothing, led by ${leader}, run %i`,
          async (run) => {
            const seed = firstSeed * 1000 + run;
            const random = seededRandom(seed);
            const user = userOf(leader, run);
            const { ours, theirs } = world.sides(user);
            const all = Array.from({ length: mails }, (_, index) =>
              mailOf(index, Math.floor(random.fraction() * 100)),
            );
            await ours.save('INBOX', all);
            await theirs.save('INBOX', [mailOf(mails, 1)]);
            const link = await FaultyLink.open({
              toPort: leader === 'ours' ? world.dovecot.place.doveadmPort : world.serverPort,
              random,
              nextFate: () => ({
                fault: random.fraction() < 0.5 ? 'reset' : 'end',
                afterBytes: 1000 + Math.floor(random.fraction() * 30_000),
              }),
            });
            const sync = async (): Promise<void> => {
              if (leader === 'ours') await world.trySync(link.port, user, 'normal');
              else await world.dovecot.tryDoveadm(['sync', '-u', user, `tcp:127.0.0.1:${link.port}`]);
            };
            try {
              const cuts = 1 + Math.floor(random.fraction() * 3);
              for (let cut = 0; cut < cuts; cut++) await sync();
              link.heal();
              for (let round = 0; round < 4; round++) await sync();
            } finally {
              await link.close();
            }
            const [here, there] = [
              await ours.list({ withBodies: true }),
              await theirs.list({ withBodies: true }),
            ];
            for (const side of [here, there])
              expect({ seed, mails: bodiesOf(side).length, different: new Set(bodiesOf(side)).size }).toEqual(
                {
                  seed,
                  mails: mails + 1,
                  different: mails + 1,
                },
              );
            expect(compareSnapshots(user, here, there).filter(({ isEqual }) => !isEqual)).toEqual([]);
          },
        );
    });
