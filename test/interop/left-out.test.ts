/** A mailbox that one side cannot have must not hold up the others. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecotProblem, dovecotVersions } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MailSide } from './support/mail-side.ts';
import { mails } from './support/scenarios.ts';
import { World } from './support/world.ts';

const leaders = ['theirs', 'ours'] as const;
const userOf = (leader: string): string => `${leader}@example.com`;
const keywordsMax = 20;
const keywords = Array.from({ length: keywordsMax + 1 }, (_, index) => `keyword${index}`);

for (const version of dovecotVersions)
  describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version}`, () => {
    let world: World;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'left-out-'));
      const limits = { keywordsPerMailboxMax: keywordsMax };
      world = await World.start({
        ...{ version, mailFormat: 'sdbox', folder, limits },
        users: leaders.map(userOf),
      });
    });
    afterAll(async () => {
      await world.stop();
      rmSync(folder, { recursive: true });
    });

    test.each(leaders)('with more keywords than we take, led by %s', async (leader) => {
      const user = userOf(leader);
      await world.addUser(user);
      const { ours, theirs } = world.sides(user);
      const sync = async (): Promise<{ isGood: boolean; said: string }> => {
        if (leader === 'ours') {
          const { outcome, failure } = await world.trySync(world.dovecot.place.doveadmPort, user, 'normal');
          return { isGood: outcome === 'ok', said: `${outcome}: ${failure?.reason} ${failure?.hint}` };
        }
        const args = ['sync', '-u', user, `tcp:127.0.0.1:${world.serverPort}`];
        const { status, stderr } = await world.dovecot.tryDoveadm(args);
        return { isGood: status === 0, said: stderr };
      };
      const counts = async (side: MailSide): Promise<Record<string, number>> => {
        const { mailboxes } = await side.list();
        return Object.fromEntries([...mailboxes].map(([name, { mails: list }]) => [name, list.length]));
      };
      for (const name of ['Keywords', 'Later']) {
        await theirs.create(name);
        await theirs.save(name, mails(2));
      }
      await theirs.addFlags('Keywords', '*', keywords);
      await ours.save('INBOX', mails(3));

      const { isGood, said } = await sync();

      expect(isGood).toBe(false);
      expect(said).toMatch(/mailbox Keywords cannot be taken here.*more than 20 keywords/);
      if (leader === 'ours') expect(said).toContain('mail_keywords_max');
      expect(await counts(ours)).toEqual({ INBOX: 3, Keywords: 0, Later: 2 });
      expect(await counts(theirs)).toEqual({ INBOX: 3, Keywords: 2, Later: 2 });

      await theirs.removeFlags('Keywords', '*', keywords.slice(1));
      expect(await sync()).toMatchObject({ isGood: true });
      expect(await counts(ours)).toEqual({ INBOX: 3, Keywords: 2, Later: 2 });
    });
  });
