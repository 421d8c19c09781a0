import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Host } from '@dsyncd/testkit';
import { type Browser, chromium, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { onCleanup } from './support.ts';

/** Debian's Chromium, wherever PATH has it. */
export const chromiumFile = (process.env.PATH ?? '')
  .split(delimiter)
  .map((folder) => join(folder, 'chromium'))
  .find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });

let browser: Promise<Browser> | undefined;

function startedBrowser(): Promise<Browser> {
  if (browser !== undefined) return browser;
  if (chromiumFile === undefined) throw new Error('there is no chromium');
  const started = chromium.launch({ executablePath: chromiumFile });
  browser = started;
  onCleanup(async () => {
    browser = undefined;
    await (await started).close();
  });
  return started;
}

export interface View {
  readonly page: Page;
  /** What the browser complained of, but for a dsyncd that is down: errors of scripts, of the policy, dialogs. */
  readonly complaints: readonly string[];
  /** Origins that were asked for anything. */
  readonly origins: ReadonlySet<string>;
}

export interface ViewOptions {
  readonly width?: number;
  readonly colorScheme?: 'dark' | 'light';
  /** Opens the bare address, without the link's token. */
  readonly hasToken?: boolean;
}

/** Opens the dashboard of a host in a window of its own. */
export async function openDashboard(
  host: Host,
  { width = 1280, colorScheme = 'light', hasToken = true }: ViewOptions = {},
): Promise<View> {
  const context = await (await startedBrowser()).newContext({
    viewport: { width, height: 800 },
    colorScheme,
    reducedMotion: 'reduce',
  });
  const page = await context.newPage();
  // Less than a test has: what was waited for is told then.
  page.setDefaultTimeout(20_000);
  const complaints: string[] = [];
  const origins = new Set<string>();
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    if (
      message.type() === 'error' &&
      !/ERR_CONNECTION_REFUSED|status of 4|ERR_EMPTY|ERR_INCOMPLETE/.test(message.text())
    )
      complaints.push(message.text());
  });
  page.on('dialog', (dialog) => {
    complaints.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => origins.add(new URL(request.url()).origin));
  await page.goto(hasToken ? `${host.http.url}/#token=${host.http.token}` : host.http.url);
  return { page, complaints, origins };
}

export async function closeDashboard({ page, complaints }: View): Promise<void> {
  await page.context().close();
  expect(complaints).toEqual([]);
}

/** Waits until the verdict says so. */
export const untilVerdict = (page: Page, text: string | RegExp): Promise<void> =>
  page.getByRole('heading', { level: 1 }).filter({ hasText: text }).waitFor({ timeout: 20_000 });

/** Asks the API as the operator. */
export async function callApi(host: Host, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${host.http.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${host.http.token}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${path}: ${await response.text()}`);
  return response.json();
}
