import { DsyncdError, type UserName } from '@dsyncd/core';
import type { AuthClient, UserFields } from './auth-client.ts';
import { hasChangedSince, indexBytes, indexPlaces } from './index-folders.ts';

export interface IndexTimesOptions {
  readonly auth: Pick<AuthClient, 'lookUp'>;
  /** `mail_index_path`: the folder of a user's indexes; undefined: userdb is asked for it. */
  readonly folderOf: (user: UserName) => string | undefined;
}

/** Tells by Dovecot's index files who changed and who has much mail, without Dovecot. */
export class IndexTimes {
  readonly #options: IndexTimesOptions;

  constructor(options: IndexTimesOptions) {
    this.#options = options;
  }

  /**
   * Was the user's mail changed at that time (Unix milliseconds) or later?
   * @returns undefined where it is not known: the files are not found, or may not be read
   * @throws {DsyncdError} `DSYNCD_USERDB` (transient) when the place of the files cannot be asked; or `signal.reason`.
   */
  async changedSince(user: UserName, sinceMs: number, signal: AbortSignal): Promise<boolean | undefined> {
    const places = await this.#placesOf(user, signal);
    // Nobody of that name: there is nothing to be replicated.
    return places === 'no such user' ? false : changedIn(places, sinceMs);
  }

  /**
   * About how much mail the user has, by the size of the index files, in bytes; 0 where it is not known.
   * @throws as {@link changedSince}
   */
  async indexBytes(user: UserName, signal: AbortSignal): Promise<number> {
    const places = await this.#placesOf(user, signal);
    if (places === 'no such user') return 0;
    const sizes = await Promise.all(places.map((place) => indexBytes(place).catch(() => 0)));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Folders of the user's indexes; none where they cannot be found. */
  async #placesOf(user: UserName, signal: AbortSignal): Promise<readonly string[] | 'no such user'> {
    const folder = this.#options.folderOf(user);
    if (folder !== undefined) return [folder];
    let fields: UserFields;
    try {
      fields = await this.#options.auth.lookUp(user, signal);
    } catch (error) {
      // The others may be asked about.
      if (error instanceof DsyncdError && error.code === 'DSYNCD_USERDB_USER') return [];
      throw error;
    }
    return fields === undefined ? 'no such user' : indexPlaces(fields).catch(() => []);
  }
}

async function changedIn(places: readonly string[], sinceMs: number): Promise<boolean | undefined> {
  if (places.length === 0) return undefined;
  try {
    for (const place of places) {
      const answer = await hasChangedSince(place, sinceMs);
      if (answer !== false) return answer;
    }
    return false;
  } catch {
    return undefined;
  }
}
