import { parseUserName } from '@dsyncd/core';
import { until } from '@dsyncd/testkit';
import { expect, it, onTestFinished } from 'vitest';
import { Place, scratchFolder, usersOf } from './place.ts';
import { Replicator } from './replicator.ts';

const ann = parseUserName('ann');

it('schedules by the time of Redis, whatever the clock of a replicator says', async () => {
  const place = await Place.make();
  const right = await place.open();
  const before = process.env.NODE_OPTIONS;
  onTestFinished(() => {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  });
  // The child lives two hours later than all others.
  const late = 'const now=Date.now.bind(Date);Date.now=()=>now()+7200000;';
  process.env.NODE_OPTIONS = `--import "data:text/javascript,${late}"`;
  await Replicator.start(place.server.url, scratchFolder(), 1, 1);
  await right.request('default', [{ user: ann, priority: 'high' }]);
  await until(
    'the child has synced',
    async () => (await usersOf(right)).get(ann)?.lastFastSyncAt !== undefined,
  );
  const { lastFastSyncAt = 0, nextSyncAt = 0 } = (await usersOf(right)).get(ann) ?? {};
  expect(Math.abs(lastFastSyncAt - Date.now())).toBeLessThan(60_000);
  expect(nextSyncAt).toBeLessThan(Date.now() + 24 * 3_600_000 + 60_000);
});
