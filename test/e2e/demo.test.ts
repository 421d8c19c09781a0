import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createPair, type DemoResult, isFlawless, runScenario, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, flawsOf, noFlaws, onCleanup, scratchFolder, startHosts } from './support.ts';

cleanUpAfterTests();

async function play(options: { readonly kill: boolean; readonly seed: number }): Promise<DemoResult> {
  const { a, b } = await createPair({ folder: scratchFolder() });
  await startHosts(a, b);
  const result = await runScenario([a, b], options, () => {});
  await Promise.all([a.stop(), b.stop()]);
  return result;
}

test('two hosts that change the same mail at once end equal, and no mail is lost or doubled', async () => {
  const result = await play({ kill: false, seed: 7 });
  expect(flawsOf(result)).toEqual(noFlaws);
  expect(isFlawless(result)).toBe(true);
  expect(result.delivered).toBe(60);
}, 60_000);

test('so do two whose programs are killed at random moments', async () => {
  const result = await play({ kill: true, seed: 8 });
  expect(flawsOf(result)).toEqual(noFlaws);
  expect(result.kills).toBeGreaterThanOrEqual(20);
}, 90_000);

test('the one that is kept prints addresses at which mail is seen to come in, and ends with Ctrl-C', async () => {
  const script = fileURLToPath(new URL('../demo/run.mjs', import.meta.url));
  const demo = spawn(process.execPath, [script, '--keep', '--seed', '9'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onCleanup(() => void demo.kill('SIGKILL'));
  let said = '';
  demo.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await until('it says how to look', () => said.includes('Ctrl-C'), { timeoutMs: 90_000 });
  const pages = [...said.matchAll(/(http:\/\/\S+)\/#token=(\S+) +(\S+)/g)];
  expect(pages.map(([, , , hostname]) => hostname)).toEqual(['a.example.com', 'b.example.com']);
  for (const [, url = '', token] of pages) {
    expect(await (await fetch(url)).text()).toContain('<title>dsyncd</title>');
    expect(await firstSyncEvent(url, token)).toContain('"outcome"');
  }
  demo.kill('SIGINT');
  expect((await once(demo, 'close'))[0]).toBe(0);
  expect(existsSync(/in (\S+dsyncd-demo-\S+)/.exec(said)?.[1] ?? '/')).toBe(false);
}, 120_000);

async function firstSyncEvent(url: string, token: string | undefined): Promise<string> {
  const response = await fetch(`${url}/v1/events`, {
    headers: { authorization: `Bearer ${token}` },
  });
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString();
    const event = /^event: sync\n[\s\S]*?\n\n/m.exec(text);
    if (event !== null) return event[0];
  }
  return text;
}
