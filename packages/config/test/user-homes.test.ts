import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { UserHomes } from '../src/index.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'homes-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const make = (...homes: readonly string[]): void => {
  for (const home of homes) mkdirSync(join(folder, home), { recursive: true });
};
const homesOf = (pattern = '%{user}', usernameFormat: 'lower' | 'as-is' = 'lower'): UserHomes =>
  new UserHomes({ mailHome: join(folder, pattern), usernameFormat });
const homeOf = (homes: UserHomes, user: string): string =>
  homes.of(parseUserName(user)).slice(folder.length + 1);

async function listed(homes: UserHomes): Promise<string[]> {
  const users: string[] = [];
  for await (const user of homes.list()) users.push(user);
  return users.sort();
}

test('a user has one home, however the name is written', () => {
  expect(homeOf(homesOf(), 'Ann@Example.com')).toBe('ann@example.com');
  expect(homeOf(homesOf('%{user}', 'as-is'), 'Ann@Example.com')).toBe('Ann@Example.com');
});

test('a home that was made with upper case stays the home of its user', async () => {
  make('Ann@example.com', 'bob@example.com');
  const homes = homesOf();
  for (const name of ['ann@example.com', 'ANN@example.com', 'Ann@example.com'])
    expect(homeOf(homes, name)).toBe('Ann@example.com');
  expect(await listed(homes)).toEqual(['ann@example.com', 'bob@example.com']);
  expect(homes.twins).toEqual({ count: 0 });
});

test('it is found below a domain, too, and below one of two', () => {
  make('example.com/bob', 'Example.com/Ann');
  const homes = homesOf('%{user|domain}/%{user|username}');
  expect(homeOf(homes, 'ann@example.com')).toBe('Example.com/Ann');
  expect(homeOf(homes, 'bob@example.com')).toBe('example.com/bob');
  expect(homeOf(homes, 'cyd@example.com')).toBe('example.com/cyd');
});

test('it is found when it comes later', () => {
  const homes = homesOf();
  expect(homeOf(homes, 'ann')).toBe('ann');
  make('Ann');
  expect(homeOf(homes, 'ann')).toBe('Ann');
});

test('of homes that differ by case only the one in lower case is used, and the other is told', async () => {
  make('Ann', 'ann');
  const homes = homesOf();
  expect(homeOf(homes, 'Ann')).toBe('ann');
  expect(await listed(homes)).toEqual(['ann']);
  expect(homes.twins).toEqual({
    count: 1,
    example: { used: join(folder, 'ann'), unused: join(folder, 'Ann') },
  });
});

test('without one in lower case it is always the same, and the others are told', async () => {
  make('Ann', 'ANN', 'AnN');
  const homes = homesOf();
  expect(homeOf(homes, 'ann')).toBe('ANN');
  expect(await listed(homes)).toEqual(['ann']);
  expect(homes.twins).toMatchObject({ count: 1, example: { used: join(folder, 'ANN') } });
});

test('as-is, they are two users', async () => {
  make('Ann', 'ann');
  const homes = homesOf('%{user}', 'as-is');
  expect(await listed(homes)).toEqual(['Ann', 'ann']);
  expect(homes.twins).toEqual({ count: 0 });
});
