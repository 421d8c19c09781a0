import { join } from 'node:path';
import { createFleet, FaultyLink, type Host, seededRandom, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, countInbox, logOf, onCleanup, scratchFolder, startHosts } from './support.ts';

cleanUpAfterTests();

const user = 'ann@example.com';

/** Three hosts; the first one's first channel leads through a link that hangs after so many bytes, for ever. */
async function startThree(
  folder: string,
  afterBytes: number,
): Promise<Record<'near' | 'works' | 'hangs', Host>> {
  const ports: number[] = [];
  const hosts = await createFleet({
    folder,
    ssl: false,
    settings: ['dsync_timeout = "10m"'],
    channels: { near: { hangs: { to: 'hangs' }, works: { to: 'works' } }, works: {}, hangs: {} },
    through: async (port) => {
      ports.push(port);
      if (ports.length < 3) return port;
      const fate = { fault: 'stall', afterBytes } as const;
      const link = await FaultyLink.open({ toPort: port, random: seededRandom(1), nextFate: () => fate });
      onCleanup(() => link.close());
      return link.port;
    },
  });
  await startHosts(...Object.values(hosts));
  return hosts;
}

test.each([
  ['before the sync', 300],
  ['in the middle of it', 60_000],
])(
  'a peer that hangs %s keeps the user from another channel for seconds only',
  async (_, afterBytes) => {
    const { near, works } = await startThree(join(scratchFolder(), `${afterBytes}`), afterBytes);
    const mail = `Subject: much\r\n\r\n${'0123456789abcdef\r\n'.repeat(10_000)}`;
    expect(await near.deliver(user, mail)).toMatch(/^250 /);
    await until(
      'the sync of the first channel hangs',
      () => logOf(near, 'dsyncd').some(({ msg, channel }) => msg === 'sync failed' && channel === 'hangs'),
      {
        timeoutMs: 25_000,
      },
    );
    const failed = logOf(near, 'dsyncd').find(({ msg }) => msg === 'sync failed');
    expect(failed?.reason).toMatch(/^nothing came from the peer for 1\d s, and channel works waits for ann/);
    await until('the mail is there', async () => (await countInbox(works, user)) === 1, { timeoutMs: 5_000 });
  },
  60_000,
);
