import { describe, expect, it } from 'vitest';
import { type Answer, ApiBench, ann, bob, broken, tokens } from './api-bench.ts';

async function stateOf(bench: ApiBench, user: string): Promise<Record<string, string>> {
  const { body } = await bench.call(`/v1/users/${encodeURIComponent(user)}`);
  const channels = (body.channels ?? []) as { readonly channel: string; readonly state: string }[];
  return Object.fromEntries(channels.map(({ channel, state }) => [channel, state]));
}

async function nextClaim(bench: ApiBench): Promise<string | undefined> {
  const now = new AbortController();
  const claim = bench.queue.claim(now.signal);
  now.abort();
  return (await claim)?.user;
}

describe('POST /v1/replicate', () => {
  it('asks for a sync of a user on every channel, or of one, also a full one', async () => {
    const bench = await ApiBench.start();
    await bench.sync(ann);
    const answer = await bench.post('/v1/replicate', { user: ann, priority: 'high', full: true });
    expect(answer).toMatchObject({ status: 202, body: { users: 1 } });
    const claims = [await bench.claim()];
    await bench.end(claims[0] as (typeof claims)[0]);
    claims.push(await bench.claim());
    expect(claims.map(({ channel, type, priority }) => `${channel} ${type} ${priority}`).sort()).toEqual([
      'default full high',
      'offsite full high',
    ]);
    await bench.end(claims[1] as (typeof claims)[0]);
    await bench.post('/v1/replicate', { user: ann, channel: 'default' });
    expect(await bench.claim()).toMatchObject({ channel: 'default', type: 'normal', priority: 'low' });
  });

  it('asks for known users of a mask, and releases them from quarantine', async () => {
    const bench = await ApiBench.start();
    await bench.sync(ann, broken);
    await bench.queue.add('default', [bob]);
    expect(await stateOf(bench, ann)).toMatchObject({ default: 'quarantined' });
    const answer = await bench.post('/v1/replicate', { mask: '*@example.com' });
    expect(answer).toMatchObject({ status: 202, body: { users: 2 } });
    expect(await bench.queue.channelStatus('default')).toMatchObject({ queuedLow: 1, quarantined: 0 });
    expect((await bench.post('/v1/replicate', { mask: 'nobody*' })).body).toEqual({ users: 0 });
  });
});

describe('POST /v1/users/:user/retry', () => {
  it('releases a quarantined user, on one channel or all where it is known', async () => {
    const bench = await ApiBench.start();
    await bench.sync(ann, broken);
    await bench.sync(ann, broken, 'offsite');
    await bench.sync(bob);
    const retry = (query = ''): Promise<Answer> => bench.post(`/v1/users/${ann}/retry${query}`);
    expect(await retry('?channel=default')).toMatchObject({ status: 202, body: { users: 1 } });
    expect(await stateOf(bench, ann)).toEqual({ default: 'failing', offsite: 'quarantined' });
    await bench.end(await bench.claim());
    expect(await stateOf(bench, ann)).toMatchObject({ default: 'replicated' });
    expect((await retry()).status).toBe(202);
    expect(await stateOf(bench, ann)).toMatchObject({ offsite: 'failing' });
    expect(await bench.post('/v1/users/nobody/retry')).toMatchObject({
      status: 404,
      body: { code: 'DSYNCD_HTTP_USER' },
    });
  });
});

describe('POST /v1/users and DELETE /v1/users/:user', () => {
  it('make users of the mail store known, and forget them', async () => {
    const bench = await ApiBench.start();
    expect((await bench.post('/v1/users', { mask: '*@example.com' })).body).toEqual({ users: 2 });
    expect((await bench.post('/v1/users', { user: 'carl', channel: 'offsite' })).body).toEqual({ users: 1 });
    expect(await stateOf(bench, ann)).toEqual({ default: 'never synced', offsite: 'never synced' });
    expect(await stateOf(bench, 'carl')).toEqual({ offsite: 'never synced' });
    const forget = (path: string): Promise<Answer> => bench.call(path, { method: 'DELETE' });
    expect(await forget(`/v1/users/${ann}?channel=default`)).toMatchObject({ status: 204, text: '' });
    expect(await stateOf(bench, ann)).toEqual({ offsite: 'never synced' });
    expect((await forget(`/v1/users/${ann}`)).status).toBe(204);
    expect((await forget(`/v1/users/${ann}`)).status).toBe(404);
    expect((await bench.call(`/v1/users/${ann}`)).status).toBe(404);
  });
});

describe('pause and resume', () => {
  it('of a channel: it stays as it is until resumed', async () => {
    const bench = await ApiBench.start();
    const { status, body } = await bench.post('/v1/channels/default/pause');
    expect([status, body.channel, body.paused]).toEqual([200, 'default', true]);
    await bench.queue.request('default', [{ user: ann, priority: 'sync' }]);
    expect(await nextClaim(bench)).toBeUndefined();
    expect((await bench.call('/v1/status')).body.channels).toMatchObject([
      { paused: true },
      { paused: false },
    ]);
    expect((await bench.post('/v1/channels/default/resume')).body.paused).toBe(false);
    expect(await nextClaim(bench)).toBe(ann);
    expect((await bench.post('/v1/channels/nowhere/pause')).status).toBe(404);
  });

  it('of a user: nobody can make it sync, others go on', async () => {
    const bench = await ApiBench.start();
    for (const channel of ['default', 'offsite']) await bench.queue.add(channel, [ann, bob]);
    expect(await bench.post('/v1/pause', { user: ann })).toMatchObject({ status: 200, body: { users: 1 } });
    await bench.post('/v1/notify', { users: [ann, bob], priority: 'high' });
    await bench.post('/v1/replicate', { user: ann, channel: 'default' });
    expect(await stateOf(bench, ann)).toMatchObject({ default: 'paused' });
    const { body } = await bench.call('/v1/channels/default');
    expect(body).toMatchObject({ paused: false, usersBehind: 2, queued: { paused: 1, high: 1 } });
    const list = await bench.call('/v1/users?filter=paused&channel=default');
    expect(list.body.users).toMatchObject([{ user: ann, paused: true, state: 'paused' }]);
    const failover = await bench.call('/failover?max_lag=0', { token: '' });
    expect(failover.body, 'a paused user is behind all the same').toMatchObject({ ready: false });
    expect(await nextClaim(bench)).toBe(bob);
    expect((await bench.post('/v1/resume', { user: ann })).body).toEqual({ users: 1 });
    expect(await nextClaim(bench)).toBe(ann);
  });

  it('of users by mask, on one channel', async () => {
    const bench = await ApiBench.start();
    for (const channel of ['default', 'offsite']) await bench.queue.add(channel, [ann, bob]);
    const answer = await bench.post('/v1/pause', { mask: '*@example.com', channel: 'offsite' });
    expect(answer).toMatchObject({ status: 200, body: { users: 2 } });
    expect(await stateOf(bench, ann)).toEqual({ default: 'never synced', offsite: 'paused' });
    expect((await bench.post('/v1/resume', { mask: 'b*' })).body).toEqual({ users: 1 });
    expect(await stateOf(bench, bob)).toEqual({ default: 'never synced', offsite: 'never synced' });
    expect(await stateOf(bench, ann)).toEqual({ default: 'never synced', offsite: 'paused' });
  });

  it.each([
    [{ user: 'nobody' }, 404, 'DSYNCD_HTTP_USER'],
    [{ user: 'a*' }, 400, 'DSYNCD_HTTP_REQUEST'],
    [{ user: ann, mask: '*' }, 400, 'DSYNCD_HTTP_REQUEST'],
    [{}, 400, 'DSYNCD_HTTP_REQUEST'],
    [{ mask: '*', channel: 'nowhere' }, 404, 'DSYNCD_QUEUE_CHANNEL'],
    [{ mask: '*', until: 'tomorrow' }, 400, 'DSYNCD_HTTP_REQUEST'],
  ])('refuses %j', async (body, status, code) => {
    const bench = await ApiBench.start();
    await bench.queue.add('default', [ann]);
    const answer = await bench.post('/v1/pause', body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await bench.queue.channelStatus('default')).toMatchObject({ pausedUsers: 0 });
  });
});

it('every operation is logged with who was meant and from where', async () => {
  const bench = await ApiBench.start();
  await bench.post('/v1/replicate', { mask: '*' });
  await bench.post('/v1/users', { user: ann });
  await bench.post('/v1/pause', { user: ann });
  await bench.post(`/v1/users/${ann}/retry`);
  await bench.post('/v1/channels/offsite/pause');
  await bench.call(`/v1/users/${ann}`, { method: 'DELETE' });
  const logged = bench.log
    .filter(({ message }) => message === 'operation by HTTP')
    .map(({ fields }) => fields);
  expect(logged).toMatchObject([
    { operation: 'replicate', mask: '*', from: '127.0.0.1', users: 0 },
    { operation: 'add', user: ann },
    { operation: 'pause', user: ann },
    { operation: 'retry', user: ann },
    { operation: 'pause', channel: 'offsite' },
    { operation: 'forget', user: ann },
  ]);
  expect(JSON.stringify(bench.log)).not.toContain(tokens.operate);
});
