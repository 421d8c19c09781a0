import { DsyncdError } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { createPeer, type PeerSettings, parseDestination, startDoveadmServer } from '../src/index.ts';
import { recordingLogger } from './support/log.ts';
import { failureOf, fresh, onCleanup, ShoutingAnswerer, shout, until, user } from './support/parties.ts';

const secret = 'correct horse battery staple';

async function startPair(
  server: Partial<Parameters<typeof startDoveadmServer>[0]> = {},
  peer: Partial<PeerSettings> = {},
) {
  const logger = recordingLogger();
  const answerer = new ShoutingAnswerer();
  const service = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    answerer,
    logger,
    ...server,
  });
  onCleanup(() => service.stop(0));
  const destination = parseDestination(`tcp:127.0.0.1:${service.port}`, { doveadmPort: 1 });
  const client = createPeer(destination, { secret, secretSource: '/etc/dsyncd/secret', ...peer });
  onCleanup(() => client.close());
  return { logger, answerer, service, client };
}

describe('a sync over tcp', () => {
  it('reaches the answerer, and is repeated on the same connection', async () => {
    const { client, answerer, logger } = await startPair();
    for (let round = 0; round < 3; round++) {
      const sync = await client.startSync(user, fresh());
      expect(await shout(sync.link, 'hello')).toBe('HELLO');
      expect(await shout(sync.link, 'bye')).toBe('BYE');
      expect(sync.traffic?.bytesReceived).toBe('\n+\nHELLO\nBYE\n'.length);
      sync.release(true);
    }
    expect(answerer.answered).toEqual([user, user, user]);
    expect(logger.lines).toEqual([]);
  });

  it('does not let a finished sync write into the next one', async () => {
    const { client } = await startPair();
    const first = await client.startSync(user, fresh());
    await shout(first.link, 'bye');
    first.release(true);
    expect(() => first.link.write('x\n')).toThrow('after its release');
    const second = await client.startSync(user, fresh());
    first.release(false);
    expect(await shout(second.link, 'still here')).toBe('STILL HERE');
    second.release(false);
  });

  it('tells a wrong secret to both operators, once and without the secret', async () => {
    const { client, logger } = await startPair({}, { secret: 'tr0ub4dor' });
    const failure = await failureOf(client.startSync(user, fresh()));
    expect(failure.outcome).toBe('operator');
    expect(failure.code).toBe('DSYNCD_SECRET');
    expect(failure.hint).toContain('/etc/dsyncd/secret');
    await until('the server has logged it', () => logger.lines.length > 0);
    expect(logger.lines.map(({ level, code }) => [level, code])).toEqual([['warn', 'DSYNCD_SECRET']]);
    const told = JSON.stringify([logger.lines, failure.message, failure.hint, failure.stack]);
    for (const text of [secret, 'tr0ub4dor', Buffer.from('\0doveadm\0tr0ub4dor').toString('base64')])
      expect(told).not.toContain(text);
  });

  it.each(['nouser', 'noreplicate', 'busy', 'transient', 'operator'] as const)(
    'carries the refusal %s to the other side',
    async (outcome) => {
      const { client, answerer } = await startPair();
      answerer.refusal = new DsyncdError('DSYNCD_TEST', 'the disk\nis full', { outcome });
      const failure = await failureOf(client.startSync(user, fresh()));
      expect(failure.outcome).toBe(outcome);
      if (outcome !== 'nouser' && outcome !== 'noreplicate')
        expect(failure.message).toContain('the disk is full');
      answerer.refusal = undefined;
      const sync = await client.startSync(user, fresh());
      expect(await shout(sync.link, 'hi')).toBe('HI');
      sync.release(false);
    },
  );
});
