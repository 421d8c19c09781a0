import { parseDestination, parseUserName, silentLogger } from '@dsyncd/core';
import { expect, it } from 'vitest';
import { Peers, type PlannedPeer } from '../src/index.ts';

const plan = (host: string, files: readonly string[] = []): PlannedPeer => ({
  destination: parseDestination(`tcps:${host}`, { doveadmPort: 12345 }),
  settings: { secret: 'secret' },
  files,
});

const user = parseUserName('ann@example.com');

it('keeps the peer of a channel while nothing changes from which it was made', async () => {
  const peers = new Peers(silentLogger);
  await peers.configure(
    new Map([
      ['a', plan('127.0.0.1')],
      ['b', plan('127.0.0.2')],
    ]),
  );
  const [a, b] = [peers.get('a'), peers.get('b')];
  await peers.configure(
    new Map([
      ['a', plan('127.0.0.1')],
      ['b', plan('127.0.0.3')],
    ]),
  );
  expect(peers.get('a')).toBe(a);
  expect(peers.get('b')).not.toBe(b);
  await peers.configure(new Map([['a', plan('127.0.0.1', ['a new certificate'])]]));
  expect(peers.get('a')).not.toBe(a);
  expect(peers.get('b')).toBeUndefined();
  await peers.close();
});

it('closes a peer that is replaced', async () => {
  const peers = new Peers(silentLogger);
  await peers.configure(new Map([['a', plan('127.0.0.1')]]));
  const old = peers.get('a');
  await peers.configure(new Map());
  await expect(old?.startSync(user, new AbortController().signal)).rejects.toThrow(/clos/);
});
