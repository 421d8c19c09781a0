import { join } from 'node:path';
import { createPair, type Host, type Program, RedisServer, until } from '@dsyncd/testkit';
import { chromium } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { callApi, chromiumFile, closeDashboard, openDashboard } from './dashboard-browser.ts';
import { cleanUpAfterTests, deliver, onCleanup, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const ann = 'ann@example.com';

interface Fleet {
  readonly backends: readonly {
    readonly backend: string;
    readonly usersBehind: number;
    readonly replicators: readonly {
      readonly hostname: string;
      readonly pid: number;
      readonly alive: boolean;
    }[];
    readonly channels: readonly { readonly channel: string; readonly users: number }[];
  }[];
}

let a: Host;
let b: Host;
let second: Program;

beforeAll(async () => {
  const folder = scratchFolder();
  const redis = await RedisServer.start({ folder: join(folder, 'redis') });
  onCleanup(() => redis.end('SIGKILL'));
  ({ a, b } = await createPair({ folder, hasHttp: true, redis: [`url = ${JSON.stringify(redis.url)}`] }));
  await startHosts(a, b);
  second = await a.addReplicator('second');
  second.start();
  await second.waitForLog((line) => line.includes('"msg":"ready"'));
  await deliver(a, ann, 'one');
  await untilInbox(b, ann, 1);
});

const fleetOf = async (host: Host): Promise<Fleet> => (await callApi(host, '/v1/fleet')) as Fleet;
const aliveOf = (fleet: Fleet, backend: string): number =>
  fleet.backends.find((each) => each.backend === backend)?.replicators.filter(({ alive }) => alive).length ??
  0;

test('either host shows both backends and all three replicators', async () => {
  for (const host of [a, b]) {
    const { backends } = await fleetOf(host);
    expect(backends).toMatchObject([
      { backend: a.hostname, channels: [{ channel: 'default', users: 1 }] },
      { backend: b.hostname, replicators: [{ hostname: b.hostname, alive: true }] },
    ]);
    expect(backends[0]?.replicators).toHaveLength(2);
    expect(aliveOf({ backends }, a.hostname)).toBe(2);
  }
});

describe.skipIf(chromiumFile === undefined)('in a browser', { timeout: 60_000 }, () => {
  test('the dashboard has a page of the fleet', async () => {
    const view = await openDashboard(a);
    const { page } = view;
    await page.getByRole('link', { name: 'Fleet' }).click();
    await page.getByRole('heading', { level: 1, name: '2 backends on this Redis' }).waitFor();
    const replicators = page.getByRole('table', { name: `Replicators of ${a.hostname}` });
    await until('both are shown', async () => (await replicators.getByText('alive').count()) === 2);
    const channels = page.getByRole('table', { name: `Channels of ${b.hostname}` });
    expect(await channels.getByRole('row').count()).toBe(2);
    await page.setViewportSize({ width: 390, height: 800 });
    expect(await page.evaluate('document.documentElement.scrollWidth'), 'nothing sticks out').toBe(390);
    await closeDashboard(view);
  });

  test('the BullMQ queues are shown to whoever gives the operate token as password', async () => {
    const browser = await chromium.launch({ executablePath: chromiumFile ?? '' });
    onCleanup(() => browser.close());
    const context = await browser.newContext({
      httpCredentials: { username: 'admin', password: a.http.token },
    });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('fonts.googleapis.com'))
        complaints.push(message.text());
    });
    const origins = new Set<string>();
    page.on('response', (response) => origins.add(new URL(response.url()).origin));
    await page.goto(`${a.http.url}/queues`);
    expect(page.url()).toBe(`${a.http.url}/queues/`);
    await page.getByText('replicators').first().waitFor();
    await page.getByText('wake').first().waitFor();
    await page.goto(`${a.http.url}/queues/queue/replicators?status=active`);
    await page.getByText('hostname').first().waitFor();
    expect([...origins], 'nobody else was asked').toEqual([a.http.url]);
    expect(complaints).toEqual([]);
  });
});

test('one that is killed goes silent and away; dsyncadm shows the fleet without the dsyncd of its host', async () => {
  await second.end('SIGKILL');
  await until('the other one has buried it', async () => {
    const fleet = await fleetOf(b);
    return fleet.backends[0]?.replicators.length === 1 && aliveOf(fleet, a.hostname) === 1;
  });
  await a.program('dsyncd').end('SIGTERM');
  const shown = await a.admin('fleet');
  expect(shown.stderr).toBe('');
  expect(shown.code).toBe(1);
  expect(shown.stdout).toMatch(new RegExp(`^${a.hostname} +- .*NO REPLICATOR$`, 'm'));
  expect(shown.stdout).toMatch(new RegExp(`^${b.hostname} +${b.hostname} .* alive$`, 'm'));
});
