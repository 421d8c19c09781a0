import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createPair, type Host, until } from '@dsyncd/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import { callApi, chromiumFile, closeDashboard, openDashboard, untilVerdict } from './dashboard-browser.ts';
import { cleanUpAfterTests, deliver, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const replicated = 'Everything is replicated.';

describe.skipIf(chromiumFile === undefined)('the dashboard', { timeout: 90_000 }, () => {
  let a: Host;
  let b: Host;

  beforeAll(async () => {
    ({ a, b } = await createPair({ folder: scratchFolder(), hasHttp: true }));
    await startHosts(a, b);
    await deliver(a, 'anna@example.com', 'first');
    await untilInbox(b, 'anna@example.com', 1);
  });

  test('takes the token from the link, keeps it for the tab, and asks nobody but its own host', async () => {
    const view = await openDashboard(a);
    const { page } = view;
    await untilVerdict(page, replicated);
    expect(page.url()).toBe(`${a.http.url}/#/`);
    expect(await page.evaluate('sessionStorage.getItem("dsyncd-token")')).toBe(a.http.token);
    expect(await page.evaluate('document.cookie + JSON.stringify(localStorage)')).toBe('{}');
    await page.reload();
    await untilVerdict(page, replicated);
    expect([...view.origins]).toEqual([a.http.url]);
    await closeDashboard(view);
  });

  test('shows mail replicate as it happens', async () => {
    const view = await openDashboard(a);
    const { page } = view;
    await page.getByText('Connection: Live', { exact: true }).waitFor();
    await page.getByText('None since this page was opened.').waitFor();
    await page.getByLabel('Show', { exact: true }).selectOption('Live, every 2 s');
    await deliver(a, 'live@example.com', 'live');
    const row = page.getByRole('row', { name: /live@example\.com/ }).first();
    await row.getByText('synced', { exact: true }).waitFor();
    expect(await row.textContent()).toContain('1 mail sent');
    await untilVerdict(page, replicated);
    await page.getByText(/^ ?ended: now .*most (0\.[5-9]|[1-9])/).waitFor();
    await closeDashboard(view);
  });

  test('says who is behind, since when and why, and that all is well again', async () => {
    const view = await openDashboard(a);
    const { page } = view;
    await untilVerdict(page, replicated);
    await b.program('dsync-server').end('SIGTERM');
    await deliver(a, 'anna@example.com', 'while the peer is down');
    await untilVerdict(page, /^1 user (is behind|has changes on the way)/);
    const row = page.getByRole('table', { name: 'Users who are behind' }).getByRole('row').nth(1);
    await row.getByText('nothing listens there').waitFor();
    await row.getByText('check that the dsync server runs on the other host').waitFor();
    expect(await row.getByRole('rowheader').textContent()).toBe('anna@example.com');
    expect(await row.getByRole('cell').nth(2).textContent()).toMatch(/^\d+ s$/);
    for (const name of ['one', 'two', 'three', 'four', 'five'])
      await deliver(a, `${name}@example.com`, 'too');
    await page.getByText('replica not reachable').waitFor();
    await page.getByText(/Breaker: (half-)?open, \d+ failed in a row/).waitFor();
    await b.startProgram('dsync-server');
    await page.getByText('replicating', { exact: true }).waitFor();
    await untilVerdict(page, replicated);
    expect(await page.getByRole('table', { name: 'Users who are behind' }).count()).toBe(0);
    await untilInbox(b, 'anna@example.com', 2);
    await closeDashboard(view);
  });

  test('shows who is held with reason and hint, and one click releases them', async () => {
    await a.configure({ secret: 'not the one of b' });
    await a.program('dsyncd').end('SIGTERM');
    await a.startProgram('dsyncd');
    const view = await openDashboard(a);
    const { page } = view;
    await deliver(a, 'held@example.com', 'held back');
    await untilVerdict(page, /1 user is behind/);
    await page.getByText('1 user is held until a person acts.').first().waitFor();
    const row = page.getByRole('table', { name: 'Held users' }).getByRole('row').nth(1);
    await row.getByText('does not accept our secret').waitFor();
    await row.getByText(/compare .*secret of this host/).waitFor();
    // The page survives a restart of dsyncd, and so does who is held.
    await a.program('dsyncd').end('SIGTERM');
    await page.getByText('Not connected').waitFor();
    const secret = await readFile(join(b.folder, 'secret'), 'utf8');
    await a.configure({ secret: secret.trim() });
    await a.startProgram('dsyncd');
    await page.getByText('Connection: Live', { exact: true }).waitFor();
    await row.getByRole('button', { name: 'Retry held@example.com' }).click();
    await page.getByText('held@example.com is tried again now.').waitFor();
    await untilVerdict(page, replicated);
    await untilInbox(b, 'held@example.com', 1);
    await closeDashboard(view);
  });

  test('pauses a channel and a user and lets them go on', async () => {
    const view = await openDashboard(a);
    const { page } = view;
    await page.getByRole('button', { name: 'Pause channel default' }).click();
    await page.getByText('Channel default is paused: no more syncs are started.').waitFor();
    await deliver(a, 'anna@example.com', 'while paused');
    const row = page.getByRole('table', { name: 'Users who are behind' }).getByRole('row').nth(1);
    await row.getByText('Channel default is paused.').waitFor();
    expect(await callApi(a, '/v1/channels/default')).toMatchObject({ paused: true, usersBehind: 1 });
    await page.getByRole('button', { name: 'Resume channel default' }).click();
    await untilVerdict(page, replicated);

    await page.goto(`${a.http.url}/#/users/anna%40example.com`);
    await page.getByRole('button', { name: 'Pause anna@example.com' }).click();
    await page.getByText('paused', { exact: true }).waitFor();
    await deliver(a, 'anna@example.com', 'while the user is paused');
    await page.getByText('A person has paused this user.').waitFor();
    await page.getByRole('button', { name: 'Resume anna@example.com' }).click();
    await page.getByText('replicated', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Full sync' }).click();
    await page
      .getByText(/^full sync in /)
      .first()
      .waitFor();
    await closeDashboard(view);
  });

  test('shows what happened before dsyncd was killed, for the range that is chosen', async () => {
    const synced = async (): Promise<number> => {
      const { total } = (await callApi(a, '/v1/history?seconds=3600')) as {
        readonly total: { readonly synced: number };
      };
      return total.synced;
    };
    await deliver(a, 'anna@example.com', 'before the kill');
    await until('a sync is recorded', async () => (await synced()) > 0, { timeoutMs: 30_000 });
    const before = await synced();
    await a.program('dsyncd').end('SIGKILL');
    await a.startProgram('dsyncd');
    await until('it is read again', async () => (await synced()) >= before);
    const view = await openDashboard(a);
    const { page } = view;
    await page
      .getByText(/was started; it had not been stopped in order/)
      .first()
      .waitFor();
    await page.getByText(/^[\d,]+ syncs? succeeded, [\d,]+ failed/).waitFor();
    for (const range of ['Last 30 days', 'Last day', 'Last hour']) {
      await page.getByLabel('Show', { exact: true }).selectOption(range);
      await page.getByText(/^ ?succeeded: now .*min, most (0\.\d*[1-9]|[1-9])/).waitFor();
    }
    await closeDashboard(view);
  });

  test('asks for a token when one is needed, says that a wrong one is wrong, and then does what was asked', async () => {
    const view = await openDashboard(a, { hasToken: false });
    const { page } = view;
    await page.getByRole('button', { name: 'Pause channel default' }).click();
    const dialog = page.getByRole('dialog', { name: 'Token' });
    await dialog.getByText('This needs the token of the role "operate".').waitFor();
    await dialog.getByRole('button', { name: 'Use this token' }).click();
    await dialog.getByText('Enter the token.').waitFor();
    await dialog.getByLabel('Token of the role').fill('wrong-but-long-enough');
    await page.keyboard.press('Enter');
    await dialog.getByText('Invalid token').waitFor();
    expect(await callApi(a, '/v1/channels/default')).toMatchObject({ paused: false });
    await dialog.getByLabel('Token of the role').fill(a.http.token);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Resume channel default' }).click();
    await page.getByText('Channel default goes on.').waitFor();
    await page.getByRole('button', { name: 'Token', exact: true }).click();
    await dialog.getByRole('button', { name: 'Forget the present one' }).click();
    expect(await page.evaluate('sessionStorage.getItem("dsyncd-token")')).toBeNull();
    await closeDashboard(view);
  });

  test('finds users by part, by mask and by filter, a page at a time', async () => {
    // Nobody asks the mail store about them while the channel is paused.
    const view = await openDashboard(a);
    const { page } = view;
    await page.getByRole('button', { name: 'Pause channel default' }).click();
    await page.getByRole('button', { name: 'Resume channel default' }).waitFor();
    const users = Array.from(
      { length: 120 },
      (_, index) => `many${String(index).padStart(3, '0')}@example.org`,
    );
    await callApi(a, '/v1/notify', { users, priority: 'low' });
    await page.getByRole('link', { name: 'Users', exact: true }).click();
    const shown = (): Promise<string[]> => page.getByRole('rowheader').allTextContents();
    await page.getByLabel('Name contains').fill('@example.org');
    await page.getByText('Page 1: 50 shown.').waitFor();
    const seen = await shown();
    for (const text of ['Page 2: 50 shown.', 'Page 3: 20 shown.']) {
      await page.getByRole('button', { name: 'Next page' }).click();
      await page.getByText(text).waitFor();
      seen.push(...(await shown()));
    }
    expect(seen.toSorted()).toEqual(users);
    expect(await page.getByRole('button', { name: 'Next page' }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'Previous page' }).click();
    await page.getByText('Page 2: 50 shown.').waitFor();

    await page.getByLabel('Name contains').fill('many01?@*');
    await page.getByText('10 shown.', { exact: true }).waitFor();
    expect(await shown()).toEqual(users.slice(10, 20));
    await page.getByLabel('Name contains').fill('');
    await page.getByLabel('Show').selectOption('Held');
    await page.getByText('nobody found.').waitFor();
    // The address says what is shown, so that it can be sent to somebody.
    expect(page.url()).toContain('filter=quarantined');
    await page.goto(`${a.http.url}/#/`);
    await page.getByRole('button', { name: 'Resume channel default' }).click();
    await until('nobody is behind', async () => {
      const { usersBehind } = (await callApi(a, '/v1/status')) as { readonly usersBehind: number };
      return usersBehind === 0;
    });
    await closeDashboard(view);
  });

  test.each([
    '<img src=x onerror=alert(1)>@example.com',
    '<script>alert(2)<\\script>@example.com',
    '\u202eevil&amp;"\'@example.com',
  ])('shows the name %s as it is', async (name) => {
    await callApi(a, '/v1/notify', { user: name, priority: 'high' });
    const view = await openDashboard(a);
    const { page } = view;
    await deliver(a, 'anna@example.com', 'another');
    await page.goto(`${a.http.url}/#/users/${encodeURIComponent(name)}`);
    await page.getByRole('heading', { level: 1 }).filter({ hasText: name }).waitFor();
    expect(await page.getByRole('heading', { level: 1 }).textContent()).toBe(name);
    expect(await page.locator('main img, main script').count()).toBe(0);
    await closeDashboard(view);
  });
});

describe('what the browser loads first', () => {
  test('is less than 100 KB compressed, from its own host, under a strict policy', async () => {
    const { a } = await createPair({ folder: scratchFolder(), hasHttp: true });
    await startHosts(a);
    const load = async (path: string): Promise<{ readonly bytes: number; readonly text: string }> => {
      const response = await fetch(new URL(path, a.http.url), { headers: { 'accept-encoding': 'gzip' } });
      expect(response.status, path).toBe(200);
      expect(response.headers.get('content-encoding'), path).toBe('gzip');
      expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
      expect(response.headers.get('content-security-policy')).not.toContain('unsafe');
      return { bytes: Number(response.headers.get('content-length')), text: await response.text() };
    };
    const html = await load('/');
    const files = [...html.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '');
    expect(files.some((file) => file.endsWith('.js')) && files.some((file) => file.endsWith('.css'))).toBe(
      true,
    );
    let bytes = html.bytes;
    for (const file of files) bytes += (await load(file)).bytes;
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(100_000);
  });
});
