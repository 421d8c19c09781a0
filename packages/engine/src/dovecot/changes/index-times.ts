import { DsyncdError, type UserName } from '@dsyncd/core';
import type { AuthClient, UserFields } from '../auth-client.ts';
import { hasChangedSince } from './index-folder.ts';
import { indexPlaces } from './index-places.ts';

export interface IndexTimesOptions {
  readonly auth: Pick<AuthClient, 'lookUp'>;
  /** `mail_index_path`: the folder of a user's indexes; undefined: userdb is asked for it. */
  readonly folderOf: (user: UserName) => string | undefined;
}

/** Tells who changed by the times of Dovecot's index files, without Dovecot. */
export class IndexTimes {
  readonly #options: IndexTimesOptions;

  constructor(options: IndexTimesOptions) {
    this.#options = options;
  }

  /**
   * Was the user's mail changed at that time (Unix milliseconds) or later?
   * @returns undefined where it cannot be told: the files are not found, or not ours to look at
   * @throws {DsyncdError} `DSYNCD_USERDB` (transient) when the place of the files cannot be asked; or `signal.reason`.
   */
  async changedSince(user: UserName, sinceMs: number, signal: AbortSignal): Promise<boolean | undefined> {
    const folder = this.#options.folderOf(user);
    if (folder !== undefined) return tellFrom([folder], sinceMs);
    let fields: UserFields;
    try {
      fields = await this.#options.auth.lookUp(user, signal);
    } catch (error) {
      // The others may be asked about.
      if (error instanceof DsyncdError && error.code === 'DSYNCD_USERDB_USER') return undefined;
      throw error;
    }
    // Nobody of that name: there is nothing to be replicated.
    if (fields === undefined) return false;
    return tellFrom(await indexPlaces(fields).catch(() => []), sinceMs);
  }
}

async function tellFrom(places: readonly string[], sinceMs: number): Promise<boolean | undefined> {
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
