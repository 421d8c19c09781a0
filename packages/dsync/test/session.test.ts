import { DsyncStream } from '@dsyncd/protocol';
import { expect, test } from 'vitest';
import { Session } from '../src/session.ts';
import { memoryLinks } from './memory-link.ts';
import { World } from './world.ts';

test('what a peer may make us plan in memory is bounded', async () => {
  const [ours, theirs] = memoryLinks();
  const { mail: user } = (await new World(1).open()).host(0);
  const session = new Session({ link: ours, user, isMaster: false, hostname: 'us' });
  const peer = new DsyncStream(theirs);
  for (const guid of ['one', 'two', 'three']) await peer.send({ type: 'request', guid });
  await peer.flush();

  const read = async (): Promise<void> => {
    for await (const request of session.list('request', 2)) expect(request.type).toBe('request');
  };

  await expect(read()).rejects.toMatchObject({
    code: 'DSYNCD_PEER_LIMIT',
    outcome: 'operator',
    message: expect.stringContaining('more than 2 request records'),
  });
});
