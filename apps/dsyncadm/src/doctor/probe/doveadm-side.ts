import type { UserName } from '@dsyncd/core';
import type { Doveadm } from '@dsyncd/doctor';
import type { ProbeEye, ProbeFlag, ProbeHand, Sight } from './sides.ts';

/** Of the doveadm protocol in Dovecot 2.3. */
const minorOf23 = 2;

/** The mail of a Dovecot, here or there, by commands of its doveadm service: the same mail process as for any admin. */
export class DoveadmSide implements ProbeHand, ProbeEye {
  readonly #doveadm: Doveadm;
  readonly #user: UserName;

  constructor(doveadm: Doveadm, user: UserName) {
    this.#doveadm = doveadm;
    this.#user = user;
  }

  async create(mailbox: string): Promise<void> {
    await this.#ask('mailbox create', mailbox);
  }

  async save(mailbox: string, mail: string): Promise<void> {
    const user = this.#user;
    await this.#doveadm.ask({ words: ['save', '-u', user, '-m', mailbox], user, mail });
  }

  async flag(mailbox: string, flag: ProbeFlag): Promise<void> {
    await this.#ask('flags add', flag, 'mailbox', mailbox, 'all');
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#ask('mailbox rename', from, to);
  }

  async expunge(mailbox: string): Promise<string | undefined> {
    await this.#ask('expunge', 'mailbox', mailbox, 'all');
    if ((await this.#doveadm.serverMinor()) !== minorOf23) return undefined;
    // Its plugin tells of no expunge that comes alone, be it by IMAP or doveadm; any other change brings it along.
    await this.#ask('mailbox subscribe', mailbox);
    await this.#ask('mailbox unsubscribe', mailbox);
    return 'Dovecot 2.3 notifies no expunge that comes alone: the next other change of the user brings it';
  }

  async remove(mailbox: string): Promise<void> {
    if ((await this.look(mailbox)) !== undefined) await this.#ask('mailbox delete', mailbox);
  }

  async look(mailbox: string): Promise<Sight | undefined> {
    // A name without a wildcard is listed whether it exists or not.
    if (!(await this.#ask('mailbox list', `${mailbox}*`)).includes(mailbox)) return undefined;
    const flags = await this.#ask('fetch', 'flags', 'mailbox', mailbox, 'all');
    return { mails: flags.length, flags: flags.flatMap((words) => words.split(' ')) };
  }

  async #ask(command: string, ...words: readonly string[]): Promise<readonly string[]> {
    const user = this.#user;
    return (await this.#doveadm.ask({ words: [command, '-u', user, ...words], user })).fields;
  }
}
