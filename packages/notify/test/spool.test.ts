import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Logger, parseUserName, silentLogger, systemClock } from '@dsyncd/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { type NotifyListener, watchSpool, writeSpool } from '../src/index.ts';
import { closeAfterEach, RecordingSink, until } from './recording-sink.ts';

const closeLater = closeAfterEach();
let folder: string;
let sink: RecordingSink;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spool-'));
  closeLater(() => rm(folder, { recursive: true }));
  sink = new RecordingSink();
});

const start = async (): Promise<NotifyListener> => {
  const listener = await watchSpool(folder, { sink, clock: systemClock, logger: silentLogger });
  closeLater(() => listener.close());
  return listener;
};
const files = (): string[] => readdirSync(folder);
const user = parseUserName('ü@x');

describe('the spool folder', () => {
  test('gives what was left before the start and what comes later, and ends up empty', async () => {
    await writeSpool(folder, [{ user, priority: 'low', origin: 'mx2' }]);
    await start();
    await until('the first', () => sink.requests.length === 1);
    await writeSpool(folder, [{ user: parseUserName('late'), priority: 'high' }]);
    await until('the second', () => sink.requests.length === 2);
    await until('no file is left', () => files().length === 0);
    expect(sink.requests).toEqual([
      { user, priority: 'low', origin: 'mx2' },
      { user: 'late', priority: 'high' },
    ]);
  });

  test('the same notification again and again is one file; names of any length fit', async () => {
    for (let n = 0; n < 5; n++) await writeSpool(folder, [{ user, priority: 'low' }]);
    expect(files()).toHaveLength(1);
    const long = [...'abc'].map((letter) => parseUserName('ü'.repeat(127) + letter));
    await writeSpool(
      folder,
      long.map((each) => ({ user: each, priority: 'low' as const })),
    );
    expect(files()).toHaveLength(4);
    await start();
    await until('all four', () => sink.requests.length === 4);
  });

  test('a file goes only when its lines are stored, and a later one for the same user is not lost', async () => {
    const release = sink.hold();
    await start();
    await writeSpool(folder, [{ user, priority: 'low' }]);
    await until('the sink has it', () => sink.batches.length === 1);
    expect(files()).toHaveLength(1);
    await writeSpool(folder, [{ user, priority: 'low' }]);
    expect(files()).toHaveLength(2);
    release();
    await until('both taken', () => sink.requests.length === 2 && files().length === 0);
  });

  test('what a crash left claimed is taken again', async () => {
    writeFileSync(join(folder, '.claim-1-2-3'), 'u\tlow\n');
    await start();
    await until('taken', () => sink.requests.length === 1 && files().length === 0);
  });

  test('files of other programs: many lines, no end of line, folders, work in progress', async () => {
    writeFileSync(
      join(folder, 'anything'),
      `${Array.from({ length: 3000 }, (_, n) => `u${n}\tlow\n`).join('')}last\thigh`,
    );
    utimesSync(join(folder, 'anything'), 1, 1);
    mkdirSync(join(folder, 'folder'));
    writeFileSync(join(folder, '.draft'), 'draft\tlow\n');
    await start();
    await until('3001 users', () => sink.requests.length === 3001);
    expect(sink.users()).toContain('last');
    renameSync(join(folder, '.draft'), join(folder, 'draft'));
    await until('the draft', () => sink.requests.length === 3002);
    await until('only the folder is left', () => files().join() === 'folder');
  });

  test('what is no file holds up no other one, is told once, and a link is not followed', async () => {
    writeFileSync(join(folder, '.secret'), 'secret\tlow\n');
    mkdirSync(join(folder, '.claim-0-folder'));
    symlinkSync('.secret', join(folder, '.claim-0-link'));
    symlinkSync('.secret', join(folder, 'link'));
    execFileSync('mkfifo', [join(folder, '.claim-0-fifo'), join(folder, 'fifo')]);
    const logged: unknown[] = [];
    const logger: Logger = {
      ...silentLogger,
      warn: ({ file }: { readonly file?: unknown }) => void logged.push(file),
    };
    const listener = await watchSpool(folder, { sink, clock: systemClock, logger });
    closeLater(() => listener.close());
    for (const name of ['first', 'second']) {
      await writeSpool(folder, [{ user: parseUserName(name), priority: 'low' }]);
      await until(name, () => sink.users().includes(name));
    }
    expect(sink.users()).toEqual(['first', 'second']);
    await until('only what is no file is left', () => files().length === 6);
    expect(logged.toSorted()).toEqual(
      ['.claim-0-fifo', '.claim-0-folder', '.claim-0-link', 'fifo', 'link'].map((name) =>
        JSON.stringify(name),
      ),
    );
  });

  test('a file whose end is still being written is left until it has one', async () => {
    await start();
    writeFileSync(join(folder, 'growing'), 'u\tlo');
    await writeSpool(folder, [{ user: parseUserName('other'), priority: 'low' }]);
    await until('the other', () => sink.requests.length === 1);
    expect(readFileSync(join(folder, 'growing'), 'utf8')).toBe('u\tlo');
    writeFileSync(join(folder, 'growing'), 'u\tlow\n');
    await until('the grown one', () => sink.users().includes('u'));
  });

  test('more files than one round takes', async () => {
    for (let n = 0; n < 1500; n++) writeFileSync(join(folder, `f${n}`), `user${n}\tlow\n`);
    await start();
    await until('all', () => sink.requests.length === 1500 && files().length === 0, 80_000);
  }, 90_000);
});
