import { createPair, type Host } from '@dsyncd/testkit';
import type { Page } from 'playwright-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { chromiumFile, closeDashboard, openDashboard, untilVerdict } from './dashboard-browser.ts';
import { cleanUpAfterTests, deliver, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const replicated = 'Everything is replicated.';
const tabsMax = 40;

/** The accessible name of what has the focus. */
const focused = (page: Page): Promise<string> =>
  page.evaluate<string>(
    '(document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent ?? "").trim()',
  );

async function tabTo(page: Page, name: string): Promise<void> {
  const passed: string[] = [];
  for (let tab = 0; tab < tabsMax; tab++) {
    await page.keyboard.press('Tab');
    const present = await focused(page);
    if (present === name) return;
    passed.push(present);
  }
  throw new Error(`no ${name} among ${passed.join(', ')}`);
}

describe.skipIf(chromiumFile === undefined)('everybody can use the dashboard', { timeout: 90_000 }, () => {
  let a: Host;

  beforeAll(async () => {
    const pair = await createPair({ folder: scratchFolder(), hasHttp: true });
    ({ a } = pair);
    await startHosts(pair.a, pair.b);
    await deliver(a, 'anna@example.com', 'first');
    await untilInbox(pair.b, 'anna@example.com', 1);
  });

  test.each(['light', 'dark'] as const)(
    'on a phone, %s: nothing stands out to the side',
    async (colorScheme) => {
      const view = await openDashboard(a, { width: 390, colorScheme });
      const { page } = view;
      await untilVerdict(page, replicated);
      for (const [hash, heading] of [
        ['#/', replicated],
        ['#/users', 'Users'],
        ['#/users/anna%40example.com', 'anna@example.com'],
      ] as const) {
        await page.goto(`${a.http.url}/${hash}`);
        await page.getByRole('heading', { level: 1, name: heading }).waitFor();
        expect(await page.evaluate('document.documentElement.scrollWidth'), hash).toBeLessThanOrEqual(390);
      }
      const background = await page.evaluate<string>(
        'getComputedStyle(document.documentElement).backgroundColor',
      );
      const brightness = Math.max(...(background.match(/\d+/g) ?? []).map(Number));
      if (colorScheme === 'dark') expect(brightness).toBeLessThan(80);
      else expect(brightness).toBeGreaterThan(200);
      await closeDashboard(view);
    },
  );

  test('by keyboard alone: to the content, through an action, into a dialog and back', async () => {
    const view = await openDashboard(a);
    const { page } = view;
    await untilVerdict(page, replicated);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to content');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await tabTo(page, 'Pause channel default');
    const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
    expect(outline).not.toBe('none');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Resume channel default' }).waitFor();
    // The button is the same one, with another word: the focus stays.
    expect(await focused(page)).toBe('Resume channel default');
    await page.keyboard.press('Space');
    await page.getByRole('button', { name: 'Pause channel default' }).waitFor();

    await page.getByRole('button', { name: 'Token', exact: true }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Token' });
    await dialog.waitFor();
    for (let tab = 0; tab < 10; tab++) {
      await page.keyboard.press('Tab');
      const isInside =
        'document.activeElement === document.body || document.activeElement.closest("dialog") !== null';
      expect(await page.evaluate(isInside)).toBe(true);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    expect(await focused(page)).toBe('Token');
    await closeDashboard(view);
  });

  test('by ear: landmarks, named tables, and the verdict is spoken when it changes', async () => {
    const view = await openDashboard(a);
    const { page } = view;
    await untilVerdict(page, replicated);
    for (const landmark of ['banner', 'navigation', 'main', 'contentinfo'] as const)
      expect(await page.getByRole(landmark).count(), landmark).toBe(1);
    expect(await page.getByRole('heading', { level: 1 }).count()).toBe(1);
    const spoken = page.locator('[aria-live="polite"], [role="status"]').filter({ hasText: replicated });
    expect(await spoken.count()).toBeGreaterThan(0);
    await deliver(a, 'anna@example.com', 'another');
    await page.getByRole('table', { name: /^Syncs that ended since this page was opened/ }).waitFor();
    for (const table of await page.getByRole('table').all())
      expect(await table.locator('caption').textContent()).not.toBe('');
    expect(await page.locator('button:not([aria-label]):empty, a:not([aria-label]):empty').count()).toBe(0);
    await closeDashboard(view);
  });
});
