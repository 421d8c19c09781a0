import {
  createPair,
  FaultyLink,
  faults,
  isFlawless,
  runScenario,
  seededRandom,
  until,
} from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, flawsOf, noFlaws, onCleanup, scratchFolder, startHosts } from './support.ts';

cleanUpAfterTests();

const ofEachFault = 3;

test('two hosts whose connections break, end early and hang end equal once the link is good, none lost or doubled', async () => {
  const links: FaultyLink[] = [];
  const { a, b } = await createPair({
    folder: scratchFolder(),
    settings: ['dsync_timeout = "2s"', 'dsync_lock_timeout = "500ms"'],
    through: async (toPort) => {
      const link = await FaultyLink.open({ toPort, random: seededRandom(20 + links.length) });
      onCleanup(() => link.close());
      links.push(link);
      return link.port;
    },
  });
  await startHosts(a, b);
  const result = await runScenario(
    [a, b],
    {
      kill: false,
      seed: 10,
      meanwhile: async (delivered, total) => {
        const hasSeenAll = (): boolean =>
          links.every((link) => faults.every((fault) => link.count(fault) >= ofEachFault));
        // An operator who does not wait for the next try.
        const syncAll = (): Promise<unknown> =>
          Promise.all([a, b].map((host) => host.admin('replicator', 'replicate', '-f', '*')));
        const isEnough = async (): Promise<boolean> => {
          if (delivered() === total && hasSeenAll()) return true;
          await syncAll();
          return false;
        };
        await until('every fault was met', isEnough, { timeoutMs: 90_000 });
        for (const link of links) link.heal();
        await syncAll();
      },
    },
    () => {},
  );
  expect(flawsOf(result)).toEqual(noFlaws);
  expect(isFlawless(result)).toBe(true);
  expect(result.syncs.get('transient')).toBeGreaterThanOrEqual(faults.length * ofEachFault);
}, 180_000);
