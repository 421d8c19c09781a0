import { createPair, type DemoResult, isFlawless, runScenario } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { scratchFolder, startHosts } from './support.ts';

async function play(options: { readonly kill: boolean; readonly seed: number }): Promise<DemoResult> {
  const { a, b } = await createPair({ folder: scratchFolder() });
  await startHosts(a, b);
  const result = await runScenario([a, b], options, () => {});
  await Promise.all([a.stop(), b.stop()]);
  return result;
}

const flawsOf = ({ compared, damaged, lost, doubled }: DemoResult): object => ({
  different: compared.filter((mailbox) => !mailbox.isEqual),
  damaged,
  lost,
  doubled,
});
const none = { different: [], damaged: [], lost: [], doubled: [] };

test('two hosts that change the same mail at once end equal, and no mail is lost or doubled', async () => {
  const result = await play({ kill: false, seed: 7 });
  expect(flawsOf(result)).toEqual(none);
  expect(isFlawless(result)).toBe(true);
  expect(result.delivered).toBe(60);
}, 60_000);

test('so do two whose programs are killed at random moments', async () => {
  const result = await play({ kill: true, seed: 8 });
  expect(flawsOf(result)).toEqual(none);
  expect(result.kills).toBeGreaterThanOrEqual(20);
}, 90_000);
