import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { formatUserName, type UserName } from '@dsyncd/core';
import type { Config } from './config.ts';
import { homeParts, listUsers, mailHomeOf } from './mail-home.ts';

/** Users who have more than one home, whose names differ by case only. */
export interface TwinHomes {
  readonly count: number;
  /** Of one of them: the home that is used, and one that is not. */
  readonly example?: { readonly used: string; readonly unused: string };
}

interface Names {
  readonly changedAt: number;
  /** Names that have upper case, by their lower case. */
  readonly byLower: ReadonlyMap<string, readonly string[]>;
}

/**
 * Where the built-in store has the mail of whom. A home that was made when names were taken as they came may have
 * upper case in its name: it stays where it is, and is the user's as long as no home has the one spelling.
 */
export class UserHomes {
  readonly #pattern: string;
  readonly #format: Config['usernameFormat'];
  readonly #folders = new Map<string, Names>();
  #twins: TwinHomes = { count: 0 };

  constructor({ mailHome, usernameFormat }: Pick<Config, 'mailHome' | 'usernameFormat'>) {
    this.#pattern = mailHome;
    this.#format = usernameFormat;
  }

  /** As of the last list that was read to its end. */
  get twins(): TwinHomes {
    return this.#twins;
  }

  /** @throws {DsyncdError} `DSYNCD_MAIL_HOME` (nouser) as {@link mailHomeOf}. */
  of(user: UserName): string {
    const home = mailHomeOf(this.#pattern, formatUserName(user, this.#format));
    if (this.#format === 'as-is' || existsSync(home)) return home;
    const levels = this.#pattern.split('/').map((level) => homeParts(level).some(isVariable));
    return this.#olderHome('/', home.split('/'), levels, 0) ?? home;
  }

  /** Every user that has a home, each once and in the one spelling, in no special order. */
  async *list(): AsyncGenerator<UserName> {
    const others = new Map<UserName, UserName[]>();
    for await (const found of listUsers(this.#pattern)) {
      const user = formatUserName(found, this.#format);
      if (user === found) yield user;
      else others.set(user, [...(others.get(user) ?? []), found]);
    }
    let count = 0;
    let example: TwinHomes['example'];
    for (const [user, spellings] of others) {
      const used = this.of(user);
      const unused = spellings
        .map((name) => mailHomeOf(this.#pattern, name))
        .filter((home) => join(home) !== join(used));
      const [first] = unused;
      if (unused.length === spellings.length || spellings.length > 1) count++;
      if (first !== undefined) example ??= { used, unused: first };
      // One whose home has the one spelling was listed with it.
      if (unused.length < spellings.length) yield user;
    }
    this.#twins = example === undefined ? { count } : { count, example };
  }

  /** The first home whose name differs by case only; the same for every program. */
  #olderHome(
    folder: string,
    wanted: readonly string[],
    isOfUser: readonly boolean[],
    level: number,
  ): string | undefined {
    const name = wanted[level];
    if (name === undefined) return existsSync(folder) ? folder : undefined;
    const names = isOfUser[level] === true ? [name, ...this.#spellings(folder, name)] : [name];
    for (const each of names) {
      const home = this.#olderHome(join(folder, each), wanted, isOfUser, level + 1);
      if (home !== undefined) return home;
    }
    return undefined;
  }

  #spellings(folder: string, name: string): readonly string[] {
    try {
      const changedAt = statSync(folder).mtimeMs;
      const known = this.#folders.get(folder);
      if (known?.changedAt === changedAt) return known.byLower.get(name.toLowerCase()) ?? [];
      const byLower = new Map<string, string[]>();
      for (const entry of readdirSync(folder).sort()) {
        const lower = entry.toLowerCase();
        if (lower !== entry) byLower.set(lower, [...(byLower.get(lower) ?? []), entry]);
      }
      this.#folders.set(folder, { changedAt, byLower });
      return byLower.get(name.toLowerCase()) ?? [];
    } catch {
      // No home was made there yet, or it cannot be read: then the store says so.
      return [];
    }
  }
}

/** Of the built-in store, as `openMaildirStore` takes them. */
export interface StoreSettings {
  readonly home: (user: UserName) => string;
  readonly users: () => AsyncIterable<UserName>;
  readonly limits: { readonly keywordsPerMailboxMax: number };
}

export const storeSettings = (
  config: Pick<Config, 'mailHome' | 'usernameFormat' | 'mailKeywordsMax'>,
  homes = new UserHomes(config),
): StoreSettings => ({
  home: (user) => homes.of(user),
  users: () => homes.list(),
  limits: { keywordsPerMailboxMax: config.mailKeywordsMax },
});

const isVariable = (part: ReturnType<typeof homeParts>[number]): boolean => typeof part !== 'string';
