import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { listUsers, mailHomeOf } from '../src/index.ts';

const home = (pattern: string, user: string): string => mailHomeOf(pattern, parseUserName(user));

describe('mailHomeOf', () => {
  test.each([
    ['/m/%{user}', 'u@x', '/m/u@x'],
    ['/m/%u/Maildir', 'u', '/m/u/Maildir'],
    ['/m/%d/%n', 'a@b@x.test', '/m/x.test/a@b'],
    ['/m/%{user|domain}/%{user|username}', 'u@x', '/m/x/u'],
    ['/m/100%%/%n', 'u', '/m/100%/u'],
  ])('%s for %s is %s', (pattern, user, expected) => {
    expect(home(pattern, user)).toBe(expected);
  });

  test.each([
    ['a domain that leaves the tree', '/m/%d/%n', 'u@..'],
    ['a domain that is the folder itself', '/m/%d/%n', 'u@.'],
    ['no domain where the pattern has one', '/m/%d/%n', 'u'],
    ['an empty domain', '/m/%d/%n', 'u@'],
    ['an empty name', '/m/%d/%n', '@x'],
    ['a domain that the pattern leaves out', '/m/%n', 'u@x'],
  ])('refuses %s', (_, pattern, user) => {
    expect(() => home(pattern, user)).toThrow(
      expect.objectContaining({ code: 'DSYNCD_MAIL_HOME', outcome: 'nouser' }),
    );
  });
});

describe('listUsers', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'homes-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const list = async (pattern: string): Promise<string[]> => {
    const users: string[] = [];
    for await (const user of listUsers(join(folder, pattern))) users.push(user);
    return users.sort();
  };

  test('maps folders back to users, at any depth', async () => {
    for (const name of ['x.test/a/Maildir', 'x.test/b/Maildir', 'y.test/a/Maildir', 'y.test/noMaildir'])
      await mkdir(join(folder, name), { recursive: true });
    expect(await list('%d/%n/Maildir')).toEqual(['a@x.test', 'a@y.test', 'b@x.test']);
  });

  test('leaves out files, hidden folders and names that no user can have', async () => {
    for (const name of ['good@x', '.hidden', '.dot@x', '-dash@x']) await mkdir(join(folder, name));
    await writeFile(join(folder, 'file'), '');
    // A hidden folder without an @ belongs to the system: .snapshot, .Trash.
    expect(await list('%{user}')).toEqual(['-dash@x', '.dot@x', 'good@x']);
  });

  test('a name with a "/" has no home', () => {
    expect(() => mailHomeOf('/m/%{user}', parseUserName('a/b@x'))).toThrow('has a "/"');
  });

  test('every listed user has the folder that it was listed for', async () => {
    for (const name of ['a', 'b@x']) await mkdir(join(folder, name));
    expect(await list('%n')).toEqual(['a']);
  });

  test('a missing folder means no users', async () => {
    expect(await list('none/%{user}')).toEqual([]);
  });
});
