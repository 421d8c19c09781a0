import { decodeChannelReport, decodeSyncReport, decodeUserReport } from '@dsyncd/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { ann, ReplicatorBench } from './replicator-bench.ts';

let bench: ReplicatorBench;
beforeEach(() => {
  bench = new ReplicatorBench();
});

const certificateExpired = {
  outcome: 'operator',
  full: false,
  failure: { code: 'DSYNCD_CERT', reason: 'certificate expired', hint: 'renew it' },
} as const;

describe('STATUS', () => {
  it('counts in the words of Dovecot, over all channels', async () => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.queue.request('offsite', [{ user: ann, priority: 'low' }]);
    expect(await bench.ask('STATUS')).toEqual([
      ["Queued 'sync' requests", '0'],
      ["Queued 'high' requests", '1'],
      ["Queued 'low' requests", '1'],
      ["Queued 'failed' requests", '0'],
      ["Queued 'full resync' requests", '0'],
      ["Waiting 'failed' requests", '0'],
      ['Total number of known users', '1'],
      [''],
    ]);
  });

  it('answers an empty list when nobody matches', async () => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    expect(await bench.ask('STATUS', 'bob*')).toEqual([['']]);
  });

  it('shows a user with instants in seconds and the time to the next sync', async () => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    expect(await bench.ask('STATUS', '*')).toEqual([[ann, 'high', '0', '0', '0', '0', '0'], ['']]);
    await bench.sync();
    expect(await bench.ask('STATUS', 'ann*')).toEqual([
      [ann, 'none', '1790000000', '1790000000', '0', '1790000000', '86400'],
      [''],
    ]);
  });

  it('shows a user whom only a full sync can prove equal as one who waits', async () => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.sync();
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.sync({ outcome: 'ok', full: false, proofAfterMs: 2_000 });
    expect((await bench.ask('STATUS', '*'))[0]).toMatchObject({ 1: 'low', 4: '0', 6: '2' });
    expect((await bench.ask('STATUS'))[2]).toEqual(["Queued 'low' requests", '1']);
    bench.clock.advance(2_000);
    await bench.sync();
    expect((await bench.ask('STATUS', '*'))[0]?.[1]).toBe('none');
  });

  it('shows a user whose last sync failed', async () => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.sync(certificateExpired);
    expect((await bench.ask('STATUS', '*'))[0]?.[4]).toBe('1');
  });
});

describe('STATUS-DSYNC', () => {
  it('has a line a worker, the idle ones as Dovecot shows them', async () => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.claim();
    expect(await bench.ask('STATUS-DSYNC')).toEqual([
      [ann, 'full', 'Syncing on default for 0 s'],
      ['', '-', 'Not connected'],
      ['', '-', 'Not connected'],
      [''],
    ]);
  });
});

describe('REPLICATE', () => {
  it('queues a user on every channel, known before or not', async () => {
    expect(await bench.ask('REPLICATE', 'low', '', ann)).toEqual([['+1']]);
    expect(await bench.ask('STATUS', '*')).toHaveLength(3);
  });

  it('asks for a full sync with the flag f', async () => {
    await bench.ask('REPLICATE', 'low', '', ann);
    await bench.sync();
    await bench.sync();
    await bench.ask('REPLICATE', 'high', '', ann);
    expect(await bench.sync()).toMatchObject({ type: 'incremental' });
    await bench.sync();
    await bench.ask('REPLICATE', 'high', 'f', ann);
    expect(await bench.claim()).toMatchObject({ type: 'full', priority: 'high' });
  });

  it('counts the users that a mask takes once, however many channels there are', async () => {
    await bench.ask('ADD', '*@example.com');
    expect(await bench.ask('REPLICATE', 'sync', '', '*')).toEqual([['+2']]);
    expect(await bench.ask('REPLICATE', 'sync', '', 'nobody*')).toEqual([['+0']]);
  });

  it.each(['ann@example.com', 'ann*'])('releases a quarantined user (%s)', async (mask) => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.sync(certificateExpired);
    await expect(bench.claim()).rejects.toThrow('nothing is due');
    await bench.ask('REPLICATE', 'low', '', mask);
    expect((await bench.claim()).user).toBe(ann);
  });

  it.each(['none', 'urgent', ''])('refuses priority %j', async (priority) =>
    expect(await bench.ask('REPLICATE', priority, '', ann)).toEqual([['-Invalid priority']]),
  );
});

describe('ADD and REMOVE', () => {
  it('takes users of the store by mask', async () => {
    expect(await bench.ask('ADD', '*@example.com')).toEqual([['+']]);
    expect(await bench.ask('STATUS', 'bob*')).toHaveLength(3);
  });

  it('forgets a user on all channels', async () => {
    await bench.ask('ADD', ann);
    expect(await bench.ask('REMOVE', ann)).toEqual([['+']]);
    expect(await bench.ask('STATUS', '*')).toEqual([['']]);
    expect(await bench.ask('REMOVE', ann)).toEqual([['-User not found']]);
  });

  it.each(['ADD', 'REMOVE'])('%s says what is wrong with a user name', async (command) =>
    expect((await bench.ask(command, '../etc'))[0]?.[0]).toMatch(/^-user name "..\/etc" has a part/),
  );
});

describe('NOTIFY', () => {
  it('makes the user known and asks for no sync', async () => {
    expect(await bench.ask('NOTIFY', ann, 'f', 'state')).toEqual([['+']]);
    expect((await bench.ask('STATUS', '*'))[0]?.[1]).toBe('none');
  });
});

describe('a command that is not understood', () => {
  it.each([
    [['FOO']],
    [['']],
    [['REPLICATE', 'low']],
    [['ADD']],
    [['REMOVE']],
    [['NOTIFY', 'ann']],
    [['CHANNEL', '']],
  ])('ends the connection: %j', async (fields) =>
    expect(bench.ask(...fields)).rejects.toThrow('not understood'),
  );
});

describe('what dsyncd adds', () => {
  it('speaks of one channel after CHANNEL', async () => {
    await bench.queue.request('offsite', [{ user: ann, priority: 'high' }]);
    await bench.claim();
    expect(await bench.ask('CHANNEL', 'default')).toEqual([['+']]);
    expect(await bench.ask('STATUS', '*')).toEqual([['']]);
    expect(await bench.ask('SYNCS')).toEqual([['']]);
    expect((await bench.ask('STATUS-DSYNC'))[0]).toEqual(['', '-', 'Not connected']);
    await bench.ask('CHANNEL', 'offsite');
    expect(decodeSyncReport((await bench.ask('SYNCS'))[0] ?? [])).toMatchObject({
      user: ann,
      channel: 'offsite',
    });
    expect(await bench.ask('REMOVE', ann)).toEqual([['+']]);
  });

  it('knows no other channel', async () =>
    expect(await bench.ask('CHANNEL', 'elsewhere')).toEqual([['-No such channel']]));

  it('reports channels with where the mail goes', async () => {
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    const [first = [], second = [], end] = await bench.ask('CHANNELS');
    expect(decodeChannelReport(first)).toMatchObject({
      channel: 'default',
      replica: 'tcps:mx2.example.com',
      queuedHigh: 1,
      oldestRequestAt: bench.clock.now(),
      breaker: { state: 'closed' },
    });
    expect(decodeChannelReport(second)).toMatchObject({ channel: 'offsite', users: 0 });
    expect(end).toEqual(['']);
  });

  it('reports who is behind and why', async () => {
    await bench.ask('ADD', '*@example.com');
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    await bench.sync(certificateExpired);
    const lines = await bench.ask('USERS', '*', 'b');
    // The users that were added have not been synced on any channel yet.
    expect(lines).toHaveLength(5);
    expect(decodeUserReport(lines[0] ?? [])).toMatchObject({
      standing: 'quarantined',
      user: ann,
      channel: 'default',
      quarantined: true,
      failure: certificateExpired.failure,
    });
    expect(await bench.ask('USERS', '*', '')).toHaveLength(5);
  });
});
