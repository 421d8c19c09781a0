import { noCounts, parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { historySyncsPerUserMax, historyUsersMax } from '../src/views/sync-history.ts';
import { ApiBench, ann, bob, broken } from './api-bench.ts';

interface List {
  readonly users: readonly { readonly user: string; readonly channel: string; readonly state: string }[];
  readonly next?: string;
}

async function list(bench: ApiBench, query: string): Promise<List> {
  const { status, body, text } = await bench.call(`/v1/users?${query}`);
  expect(status, text).toBe(200);
  return body as unknown as List;
}

describe('GET /v1/users', () => {
  it('pages over all channels, each user and channel once', async () => {
    const bench = await ApiBench.start();
    const names = Array.from({ length: 7 }, (_, index) => parseUserName(`user${index}`));
    await bench.queue.add('default', names);
    await bench.queue.add('offsite', names.slice(0, 4));
    const seen: string[] = [];
    let next: string | undefined;
    do {
      const page = await list(bench, `limit=3${next === undefined ? '' : `&cursor=${next}`}`);
      expect(page.users.length).toBeLessThanOrEqual(3);
      seen.push(...page.users.map(({ user, channel }) => `${channel} ${user}`));
      next = page.next;
    } while (next !== undefined);
    expect(seen).toEqual([
      ...names.map((name) => `default ${name}`),
      ...names.slice(0, 4).map((name) => `offsite ${name}`),
    ]);
    expect((await list(bench, 'channel=offsite')).users).toHaveLength(4);
  });

  it('searches by part or mask, and filters', async () => {
    const bench = await ApiBench.start();
    await bench.sync(bob);
    await bench.sync('held@example.org', broken);
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    const names = async (query: string): Promise<string[]> =>
      (await list(bench, query)).users.map(({ user, state }) => `${user} ${state}`).sort();
    expect(await names('search=example.com')).toEqual([
      'ann@example.com never synced',
      'bob@example.com replicated',
    ]);
    expect(await names('search=%3F%3F%3F@*')).toEqual([
      'ann@example.com never synced',
      'bob@example.com replicated',
    ]);
    expect(await names('search=b*')).toEqual(['bob@example.com replicated']);
    expect(await names('filter=behind')).toEqual([
      'ann@example.com never synced',
      'held@example.org quarantined',
    ]);
    expect(await names('filter=failed')).toEqual(['held@example.org quarantined']);
    expect(await names('filter=quarantined&search=nobody')).toEqual([]);
  });

  it.each([
    ['limit=0', /limit/],
    ['limit=1001', /limit/],
    ['limit=ten', /limit/],
    ['filter=bad', /filter/],
    ['serch=a', /unknown fields: "serch"/],
    ['cursor=%00', /cursor/],
    ['cursor=WyJvdGhlciIsbnVsbF0', /cursor/],
    [`search=${'a'.repeat(1025)}`, /search/],
  ])('refuses %s', async (query, detail) => {
    const bench = await ApiBench.start();
    const { status, body } = await bench.call(`/v1/users?${query}`);
    expect(status).toBe(400);
    expect(body).toMatchObject({ status: 400, title: 'Bad Request', detail: expect.stringMatching(detail) });
    expect(body.hint).toBeDefined();
  });

  it('finds one in a million, and the status does not look at them', async () => {
    const bench = await ApiBench.start();
    const names = Array.from({ length: 1_000_000 }, (_, index) => parseUserName(`user${index}@example.com`));
    await bench.queue.add('default', names);
    let next = '';
    let found: List['users'] = [];
    for (let looks = 0; looks < 10 && found.length === 0; looks++) {
      const page = await list(bench, `search=user999999@${next}`);
      found = page.users;
      next = `&cursor=${page.next}`;
    }
    expect(found).toMatchObject([{ user: 'user999999@example.com' }]);
    const startedAt = performance.now();
    for (let round = 0; round < 20; round++) await bench.call('/v1/status');
    expect((performance.now() - startedAt) / 20, 'ms a status').toBeLessThan(50);
  });
});

describe('GET /v1/users/:user', () => {
  it('shows a user on every channel, with the failure and the last syncs', async () => {
    const bench = await ApiBench.start();
    await bench.sync(ann);
    await bench.sync(ann, broken, 'offsite');
    const { body } = await bench.call(`/v1/users/${encodeURIComponent(ann)}`);
    expect(body).toMatchObject({
      user: ann,
      channels: [
        { channel: 'default', state: 'replicated', failed: false, lagSeconds: 0 },
        { channel: 'offsite', state: 'quarantined', failuresInRow: 1, failure: broken.failure },
      ],
      history: [
        { channel: 'offsite', outcome: 'operator', seconds: 1.5, failure: broken.failure },
        { channel: 'default', outcome: 'ok', type: 'full', mailsReceived: 0 },
      ],
    });
  });

  it('takes the longest and oddest names, and says when there is no such user', async () => {
    const bench = await ApiBench.start();
    const names = [
      `${'é'.repeat(127)}x`,
      'a b?c#d%e@例え.jp',
      'under*star',
      '-joe@x',
      '.test@x',
      'a/b@x',
    ].map(parseUserName);
    await bench.queue.add('default', names);
    for (const name of names)
      expect((await bench.call(`/v1/users/${encodeURIComponent(name)}`)).body.user).toBe(name);
    const missing = await bench.call('/v1/users/nobody');
    expect(missing).toMatchObject({ status: 404, body: { code: 'DSYNCD_HTTP_USER' } });
    expect((await bench.call('/v1/users/under*')).status, 'a mask is no name').toBe(404);
    for (const bad of ['a%2F%2Fb', '%2E%2E%2Fx', '%0A', 'x'.repeat(256)])
      expect((await bench.call(`/v1/users/${bad}`)).body, bad).toMatchObject({ code: 'DSYNCD_USER_NAME' });
  });

  it('remembers ten syncs of a user, and of 5000 users', async () => {
    const bench = await ApiBench.start();
    for (let round = 0; round <= historySyncsPerUserMax; round++)
      await bench.sync(ann, { notes: [], peer: `mx${round}` });
    const history = async (): Promise<{ readonly peer: string }[]> =>
      (await bench.call(`/v1/users/${ann}`)).body.history as { peer: string }[];
    expect((await history()).map(({ peer }) => peer)).toEqual(
      Array.from({ length: historySyncsPerUserMax }, (_, index) => `mx${historySyncsPerUserMax - index}`),
    );
    const claim = { id: 0, channel: 'default', type: 'full', priority: 'low', state: undefined } as const;
    const result = { outcome: 'ok', full: true, conflicts: [], notes: [], counts: noCounts } as const;
    const end = (user: string): void =>
      bench.api.syncEnded({
        claim: { ...claim, user: parseUserName(user), requestedAt: undefined, lastFullSyncAt: undefined },
        result,
        startedAt: 0,
        endedAt: 1,
      });
    for (let index = 1; index < historyUsersMax; index++) end(`user${index}`);
    expect(await history()).toHaveLength(historySyncsPerUserMax);
    end('one-more');
    expect(await history()).toHaveLength(0);
  });
});
