import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, silentLogger, systemClock } from '@dsyncd/core';
import { beforeEach, expect, test } from 'vitest';
import { createNotifier, type Notifier, watchSpool } from '../src/index.ts';
import { closeAfterEach, RecordingSink, until } from './recording-sink.ts';

const closeLater = closeAfterEach();
let folder: string;
let sink: RecordingSink;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'imports-'));
  closeLater(() => rm(folder, { recursive: true }));
  sink = new RecordingSink();
});

const spoolDir = (): string => join(folder, 'spool');
const ann = parseUserName('ann@example.com');

async function watch(): Promise<void> {
  const listener = await watchSpool(spoolDir(), { sink, clock: systemClock, logger: silentLogger });
  closeLater(() => listener.close());
}

/** Another process that has begun an import of that user. */
async function startImporter(user: string): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'importer.ts');
  const child = spawn(process.execPath, [script, folder, spoolDir(), user], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  closeLater(() => void child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

function newNotifier(): Notifier {
  const notifier = createNotifier({ baseDir: folder, spoolDir: spoolDir(), syncTimeoutMs: 0 });
  closeLater(() => notifier.close());
  return notifier;
}

test('an import of a process that was killed is notified, one of a process that lives is left alone', async () => {
  const [killed] = [await startImporter('ann@example.com'), await startImporter('bob@example.com')];
  killed.kill('SIGKILL');
  await once(killed, 'exit');
  await watch();
  await until('ann is notified', () => sink.requests.length > 0);
  expect(sink.requests).toEqual([{ user: 'ann@example.com', priority: 'low' }]);
  await until('only the live one has a folder', () => readdirSync(spoolDir()).length === 1);
});

test('one that ends while dsyncd watches is notified with the next look', { timeout: 30_000 }, async () => {
  const child = await startImporter('ann@example.com');
  await watch();
  child.kill('SIGKILL');
  await until('ann is notified', () => sink.requests.length === 1);
});

test('an import that changed nothing leaves nothing, and a notifier that is closed leaves no folder', async () => {
  const notifier = newNotifier();
  (await notifier.importBegins(ann))();
  await notifier.close();
  expect(readdirSync(spoolDir())).toEqual([]);
});

test('an import that changed something stays noted until its notification is out', async () => {
  const notifier = newNotifier();
  const isOver = await notifier.importBegins(ann);
  const noted = (): string[] =>
    readdirSync(spoolDir(), { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^\.importing.*ann/.test(name),
    );
  notifier.mailChanged(ann, 'mx2');
  isOver();
  expect(noted()).toHaveLength(1);
  await notifier.close();
  // No FIFO is there: it went to the spool folder.
  expect(readdirSync(spoolDir())).toHaveLength(1);
  await watch();
  await until('ann is notified', () => sink.requests.length === 1);
  expect(sink.requests).toEqual([{ user: ann, priority: 'low', origin: 'mx2' }]);
});

test('a sync goes on when its import cannot be noted', async () => {
  writeFileSync(spoolDir(), 'no folder');
  const notifier = newNotifier();
  (await notifier.importBegins(ann))();
});
