import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asModSeq, asUid, parseUserName, textOfBytes } from '@dsyncd/core';
import { dovecotProblem, dovecotVersions } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { World } from './support/world.ts';

/** Latin-1, as users and old programs leave it: no UTF-8. */
const latin1 = Buffer.from('B\xfcro', 'latin1');
const replacement = Buffer.from('\ufffd');
const fileBase = Buffer.from('1700000000.M1P1.b\xfcro', 'latin1');
const seen = 8;

/** Sets an attribute whose bytes no argument of a process of ours can hold; `printf` makes them. */
function setLatin1Comment(world: World, user: string): void {
  const set = ['mailbox', 'metadata', 'set', '-u', user, 'INBOX', '/private/comment'];
  const { command, args } = world.dovecot.doveadmCommand(set);
  const { environment } = world.dovecot.place;
  const script = 'exec "$@" "$(printf "B\\374ro")"';
  execFileSync('sh', ['-c', script, 'sh', command, ...args], { env: { ...process.env, ...environment } });
}

describe.each(dovecotVersions)('Dovecot %s', (version) => {
  describe.skipIf(dovecotProblem(version) !== undefined)('with Maildir', () => {
    const leaders = ['ours', 'theirs'] as const;
    const userOf = (leader: string): string => `${leader}@example.com`;
    let world: World;
    let folder: string;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bytes-'));
      const users = leaders.map(userOf);
      world = await World.start({ version, mailFormat: 'maildir', users, folder });
      for (const user of users) await world.addUser(user);
    });

    afterAll(async () => {
      await world.stop();
      rmSync(folder, { recursive: true });
    });

    test.each(leaders)(
      'what is no UTF-8 stays what it is, and so does its mail (%s lead)',
      async (leader) => {
        const user = userOf(leader);
        const home = join(world.dovecot.place.mailFolder, user);
        const current = join(home, 'Maildir', 'cur');
        const sync = async (): Promise<void> => {
          if (leader === 'ours') await world.engineSync('tcp', { user, type: 'full', state: undefined });
          else await world.doveadmSync('tcp', user, ['sync', '-f']);
        };
        await world.sides(user).theirs.save('INBOX', [Buffer.from('Subject: before\n\nbody\n')]);
        // Both come to one GUID of INBOX first: a Dovecot forgets the attributes of a mailbox that gets another one.
        await sync();
        await sync();
        const file = Buffer.concat([Buffer.from(`${current}/`), fileBase, Buffer.from(':2,')]);
        await writeFile(file, 'Subject: odd name\n\nbody\n');
        execFileSync('chown', ['-R', '--reference', join(home, 'Maildir'), current]);
        setLatin1Comment(world, user);

        for (let round = 0; round < 3; round++) await sync();

        const mail = await world.store.open(parseUserName(user));
        const inbox = await mail.mailboxByPath(['INBOX']);
        const mails = (await inbox?.mails(asUid(1), 10)) ?? [];
        const odd = mails.find(({ guid }) => guid === textOfBytes(fileBase));
        expect(mails).toHaveLength(2);
        const [attribute] = (await inbox?.attributes(asModSeq(0))) ?? [];
        expect(attribute).toMatchObject({ key: 'comment', value: textOfBytes(latin1) });

        // What we change, theirs gets for the mail and the attribute that it knows.
        if (odd === undefined) throw new Error('the mail with the odd name is not here');
        await inbox?.apply([
          { type: 'flags', uid: odd.uid, addFlags: seen },
          {
            type: 'attribute',
            attribute: {
              type: 'shared',
              key: 'comment',
              value: textOfBytes(Buffer.from('fran\xe7ais', 'latin1')),
              changedAt: 1,
            },
          },
        ]);
        await mail.close();
        for (let round = 0; round < 2; round++) await sync();

        const dictionary = await readFile(join(home, 'dovecot-attributes'));
        expect(dictionary.includes(latin1)).toBe(true);
        expect(dictionary.includes(Buffer.from('fran\xe7ais', 'latin1'))).toBe(true);
        expect(dictionary.includes(replacement)).toBe(false);
        const files = (await readdir(current, { encoding: 'buffer' })).map((name) => name.toString('latin1'));
        expect(files).toContainEqual(
          expect.stringMatching(new RegExp(`^${fileBase.toString('latin1')}.*:2,S`)),
        );
      },
    );
  });
});
