import type { UserName } from '@dsyncd/core';
import { HardMails } from '@dsyncd/dsync';

/** More are forgotten, the oldest first. */
const usersMax = 1000;

/** Mails at which a Dovecot gave up, by user, for as long as this process lives. */
export class HardMailsOfUsers {
  readonly #users = new Map<UserName, HardMails>();

  of(user: UserName): HardMails {
    const known = this.#users.get(user) ?? new HardMails();
    // The one that was asked for last is the last to be forgotten.
    this.#users.delete(user);
    this.#users.set(user, known);
    const [oldest] = this.#users.keys();
    if (this.#users.size > usersMax && oldest !== undefined) this.#users.delete(oldest);
    return known;
  }
}
