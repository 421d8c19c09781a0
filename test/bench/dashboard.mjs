import { existsSync } from 'node:fs';
import { ensureDebianPackages, testPackages } from '../tooling/setup.mjs';
import { median, withPair } from './rig.mjs';
import { row } from './row.mjs';

const { chromium: chromiumFile } = testPackages;

/** The dashboard in a real Chromium that has nothing of it in its cache. */
export async function measureDashboard(pick) {
  ensureDebianPackages({ chromium: chromiumFile });
  if (!existsSync(chromiumFile)) {
    process.stderr.write('  skipped: no chromium, and it could not be installed\n');
    return [];
  }
  const { chromium } = await import('playwright-core');
  return await withPair(
    [],
    async ({ a, b }) => {
      // First the one without mail: the other begins its first syncs at once.
      await b.start();
      await a.start();
      await a.deliver('anna@example.com', 'Subject: one\r\n\r\none\r\n');
      const browser = await chromium.launch({ executablePath: chromiumFile });
      try {
        const views = [];
        for (let round = 0; round < pick(9, 1); round++) views.push(await openOnce(browser, a.http));
        const of = (field) => median(views.map((view) => view[field]));
        return [
          row('dashboard: compressed bytes until it shows how things are', of('bytes') / 1000, 'KB', {
            target: 100,
          }),
          row('dashboard: first paint', of('paintMs'), 'ms'),
          row('dashboard: until it shows how things are', of('verdictMs'), 'ms'),
        ];
      } finally {
        await browser.close();
      }
    },
    { hasHttp: true },
  );
}

async function openOnce(browser, { url, token }) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${url}/#token=${token}`);
  await page
    .getByText(/^Everything is replicated/)
    .first()
    .waitFor();
  const view = await page.evaluate(() => {
    const loaded = ['navigation', 'resource'].flatMap((type) => performance.getEntriesByType(type));
    return {
      bytes: loaded.reduce((sum, { transferSize }) => sum + transferSize, 0),
      paintMs: performance.getEntriesByName('first-contentful-paint')[0].startTime,
      verdictMs: performance.now(),
    };
  });
  await context.close();
  return view;
}
