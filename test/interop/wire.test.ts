import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecotProblem, dovecotVersions } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { scenarios } from './support/scenarios.ts';
import { Scene } from './support/scene.ts';
import { World } from './support/world.ts';

const leaders = ['theirs', 'ours'] as const;
const userOf = (leader: string, index: number): string => `${leader}${index}@example.com`;

for (const version of dovecotVersions)
  for (const mailFormat of ['sdbox', 'maildir'] as const)
    describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version} with ${mailFormat}`, () => {
      let world: World;
      let folder: string;

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'wire-'));
        const users = leaders.flatMap((leader) => scenarios.map((_, index) => userOf(leader, index)));
        world = await World.start({ version, mailFormat, users, folder });
        for (const user of users) await world.addUser(user);
      });

      afterAll(async () => {
        await world.stop();
        rmSync(folder, { recursive: true });
      });

      for (const leader of leaders)
        describe.concurrent(
          leader === 'theirs' ? 'doveadm sync with our server' : 'our sync with Dovecot',
          () => {
            for (const [index, { name, run }] of scenarios.entries())
              it(name, { timeout: 240_000 }, () =>
                run(new Scene(world, { user: userOf(leader, index), leader, transport: 'tcp' })),
              );
          },
        );
    });
