import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseUserName } from '@dsyncd/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openIndexesOf } from '../src/maildir/open-files-limit.ts';
import {
  StageMemory,
  stageBody,
  stagedBodyInMemoryBytesMax,
  stagedInMemoryBytesMax,
} from '../src/maildir/stage-body.ts';
import { IndexCache } from '../src/maildir/worker/open-index.ts';
import { makeFolder, openStore, removeFolder } from './maildir-setup.ts';

let folder: string;
beforeEach(() => {
  folder = makeFolder();
});
afterEach(() => removeFolder(folder));

const openIndexes = (): readonly string[] =>
  readdirSync('/proc/self/fd')
    .map((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        // It was the one that lists the folder.
        return '';
      }
    })
    .filter((path) => path.startsWith(folder) && path.endsWith('.sqlite'))
    .map((path) => path.slice(folder.length + 1, -'/dsyncd-index.sqlite'.length));

describe('open indexes', () => {
  it('are at most as many as allowed: the one used longest ago is closed, one in use is not', () => {
    const cache = new IndexCache(2);
    const take = (user: string) => cache.take({ user, home: join(folder, user) }, true, () => undefined);
    const a = take('a');
    take('b');
    expect(openIndexes()).toHaveLength(2);
    take('a');
    take('c');
    expect([...openIndexes()].sort()).toEqual(['a', 'c']);
    a.users++;
    take('c');
    take('d');
    expect([...openIndexes()].sort()).toEqual(['a', 'd']);
    expect(take('a')).toBe(a);
    a.users--;
    cache.closeAll();
    expect(openIndexes()).toEqual([]);
  });

  it('are closed when nobody has taken them since the last check; one in use is not', () => {
    const cache = new IndexCache(9);
    const take = (user: string) => cache.take({ user, home: join(folder, user) }, true, () => undefined);
    const a = take('a');
    take('b');
    take('c');
    a.users++;
    cache.closeUnused();
    expect([...openIndexes()].sort()).toEqual(['a', 'b', 'c']);
    take('c');
    cache.closeUnused();
    expect([...openIndexes()].sort()).toEqual(['a', 'c']);
    cache.closeUnused();
    expect(openIndexes()).toEqual(['a']);
    a.users--;
    cache.done(a);
    cache.closeUnused();
    expect(openIndexes()).toEqual([]);
  });
});

describe('open files', () => {
  it('are bounded by what the process may have, however many users get mail at once', () => {
    const script = fileURLToPath(new URL('many-users.mjs', import.meta.url));
    const { stdout, stderr } = spawnSync(
      'prlimit',
      ['--nofile=192:192', process.execPath, script, folder, '300'],
      { encoding: 'utf8' },
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ failed: 0, openFiles: expect.any(Number) });
    expect((JSON.parse(stdout) as { openFiles: number }).openFiles).toBeLessThan(150);
  });

  it('are given to the indexes by shares, at least a few and at most a thousand', () => {
    expect([1_024, 65_536, 64].map((files) => openIndexesOf(2, files))).toEqual([85, 1_024, 5]);
  });
});

describe('staged bodies', () => {
  async function* bytes(count: number): AsyncGenerator<Uint8Array> {
    yield new Uint8Array(count);
  }

  it('stay in memory up to a size each and all together, and others go to disk', async () => {
    const memory = new StageMemory();
    const place = { user: 'a', home: folder };
    let count = 0;
    const stage = (size: number) =>
      stageBody(bytes(size), { place, memory, newTmpName: () => `${++count}`, bytesMax: 2 ** 30 });
    const files = () =>
      existsSync(join(folder, 'Maildir/tmp')) ? readdirSync(join(folder, 'Maildir/tmp')) : [];

    const small = await stage(stagedBodyInMemoryBytesMax);
    expect(memory.used).toBe(stagedBodyInMemoryBytesMax);
    expect(files()).toEqual([]);
    const large = await stage(stagedBodyInMemoryBytesMax + 1);
    expect(memory.used).toBe(stagedBodyInMemoryBytesMax);
    expect(files()).toEqual(['1']);
    await large.discard();
    await small.discard();
    expect(files()).toEqual([]);
    expect(memory.used).toBe(0);

    memory.used = stagedInMemoryBytesMax - 10;
    await stage(10);
    expect(files()).toEqual([]);
    await stage(1);
    expect(files()).toEqual(['2']);
  });
});

describe('users of a store', () => {
  it('are those with a home, by pattern or by a listing', async () => {
    for (const name of ['a@x', 'b', '.hidden', 'pre-c-post', 'no-home'])
      mkdirSync(join(folder, name, 'mail'), { recursive: true });
    removeFolder(join(folder, 'no-home/mail'));
    const list = async (users: Parameters<typeof openStore>[1]) => {
      const names: string[] = [];
      for await (const name of openStore(folder, users).users()) names.push(name);
      return names.sort();
    };
    expect(await list({ users: `${folder}/%{user}/mail` })).toEqual(['a@x', 'b', 'pre-c-post']);
    expect(await list({ users: `${folder}/pre-%{user}-post` })).toEqual(['c']);
    expect(await list({ users: `${folder}/missing/%{user}` })).toEqual([]);
    const listed = async function* () {
      yield parseUserName('from-elsewhere');
    };
    expect(await list({ users: listed })).toEqual(['from-elsewhere']);
  });
});
