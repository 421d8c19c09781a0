import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, silentLogger } from '@dsyncd/core';
import { afterAll, describe, expect, test } from 'vitest';
import { changeFeedContract } from '../src/contract/index.ts';
import { MemoryFeed, openSqliteFeed } from '../src/index.ts';
import { newFeedMemory } from '../src/memory-feed.ts';

const scratch = mkdtempSync(join(tmpdir(), 'dsyncd-changes-'));
const closers: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closers) await close();
  rmSync(scratch, { recursive: true });
});

const newFolder = (): string => mkdtempSync(join(scratch, 'feed-'));

async function openFile(file: string, usersMax = 100): ReturnType<typeof openSqliteFeed> {
  const feed = await openSqliteFeed({ file, usersMax, logger: silentLogger });
  closers.push(() => feed.close());
  return feed;
}

describe('in memory', () => {
  changeFeedContract(async (usersMax) => {
    let memory = newFeedMemory();
    let saved = structuredClone(memory);
    const feed = new MemoryFeed(memory, usersMax);
    return {
      feed,
      reopen: async () => new MemoryFeed(memory, usersMax),
      save: async () => {
        saved = structuredClone(memory);
      },
      restore: async () => {
        memory = saved;
      },
    };
  });
});

describe('in a file', () => {
  changeFeedContract(async (usersMax) => {
    const folder = newFolder();
    const file = join(folder, 'live', 'changes.sqlite');
    cpSync(newFolder(), join(folder, 'live'), { recursive: true });
    let feed = await openFile(file, usersMax);
    const first = feed;
    return {
      feed: first,
      reopen: async () => {
        await feed.close();
        feed = await openFile(file, usersMax);
        return feed;
      },
      // With its write-ahead log, as a backup of the folder takes it, or a power failure leaves it.
      save: async () => cpSync(join(folder, 'live'), join(folder, 'saved'), { recursive: true }),
      restore: async () => {
        await feed.close();
        rmSync(join(folder, 'live'), { recursive: true });
        cpSync(join(folder, 'saved'), join(folder, 'live'), { recursive: true });
      },
    };
  });

  test('what was answered is in the file at once', async () => {
    const folder = newFolder();
    const feed = await openFile(join(folder, 'changes.sqlite'));
    await feed.note([parseUserName('ann')]);
    // As kill -9 leaves it.
    const copy = newFolder();
    cpSync(folder, copy, { recursive: true });
    const other = await openFile(join(copy, 'changes.sqlite'));
    expect((await other.page(undefined, 10)).users).toEqual(['ann']);
  });

  test('a damaged file is moved aside, and every cursor of it is refused', async () => {
    const file = join(newFolder(), 'changes.sqlite');
    const feed = await openFile(file);
    await feed.note([parseUserName('ann')]);
    const cursor = await feed.end();
    await feed.close();
    writeFileSync(file, 'no database'.repeat(1000));
    const again = await openFile(file);
    await expect(again.page(cursor, 10)).rejects.toMatchObject({ code: 'DSYNCD_CHANGES_CURSOR' });
    expect((await again.page(undefined, 10)).users).toEqual([]);
  });

  test('a file of another program is left alone', async () => {
    const file = join(newFolder(), 'changes.sqlite');
    const { default: Database } = await import('better-sqlite3');
    new Database(file).exec('CREATE TABLE other (id INTEGER)').close();
    await expect(openFile(file)).rejects.toMatchObject({ code: 'DSYNCD_CHANGES_FILE', outcome: 'operator' });
  });
});
