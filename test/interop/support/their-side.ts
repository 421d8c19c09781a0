import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Dovecot, listDovecot } from '@dsyncd/testkit';
import type { MailSide } from './mail-side.ts';

/** One user of a real Dovecot. */
export class TheirSide implements MailSide {
  readonly #dovecot: Dovecot;
  readonly #user: string;

  constructor(dovecot: Dovecot, user: string) {
    this.#dovecot = dovecot;
    this.#user = user;
  }

  async #do(command: string, parameters: Readonly<Record<string, unknown>>): Promise<void> {
    await this.#dovecot.api(command, { user: this.#user, ...parameters });
  }

  async save(mailbox: string, bodies: readonly Buffer[]): Promise<void> {
    if (bodies.length < 10) {
      // The API takes small ones only.
      for (const body of bodies)
        if (body.length < 30_000) await this.#do('save', { mailbox, file: body.toString() });
        else await this.#dovecot.doveadm(['save', '-u', this.#user, '-m', mailbox], body);
      return;
    }
    // A Maildir made by hand, imported at once: a command a mail would take too long.
    if (mailbox !== 'INBOX') throw new Error('only the INBOX takes many mails at once');
    const folder = await mkdtemp(join(tmpdir(), 'dv-import-'));
    try {
      for (const name of ['cur', 'new', 'tmp']) await mkdir(join(folder, name));
      for (const [index, body] of bodies.entries())
        await writeFile(join(folder, 'cur', `${1_700_000_000 + index}.M${index}.import:2,`), body);
      await this.#dovecot.adopt(folder);
      const query = ['import', '-u', this.#user, `maildir:${folder}`, '', 'mailbox', 'INBOX'];
      await this.#dovecot.doveadm(query);
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  async addFlags(mailbox: string, uid: number | '*', flag: readonly string[]): Promise<void> {
    await this.#do('flagsAdd', { flag, query: query(mailbox, uid) });
  }

  async removeFlags(mailbox: string, uid: number | '*', flag: readonly string[]): Promise<void> {
    await this.#do('flagsRemove', { flag, query: query(mailbox, uid) });
  }

  async expunge(mailbox: string, uid: number): Promise<void> {
    await this.#do('expunge', { query: query(mailbox, uid) });
  }

  async create(mailbox: string): Promise<void> {
    await this.#do('mailboxCreate', { mailbox: [mailbox] });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#do('mailboxRename', { mailbox: from, newName: to });
  }

  async remove(mailbox: string): Promise<void> {
    await this.#do('mailboxDelete', { mailbox: [mailbox] });
  }

  async subscribe(mailbox: string, isSubscribed: boolean): Promise<void> {
    await this.#do(isSubscribed ? 'mailboxSubscribe' : 'mailboxUnsubscribe', { mailbox: [mailbox] });
  }

  async setAttribute(mailbox: string, key: string, value: string | undefined): Promise<void> {
    if (value === undefined) await this.#do('mailboxMetadataUnset', { mailbox, key });
    else await this.#do('mailboxMetadataSet', { mailbox, key, value });
  }

  list: MailSide['list'] = (options) => listDovecot(this.#dovecot, this.#user, options);
}

const query = (mailbox: string, uid: number | '*'): string[] => [
  ...['mailbox', mailbox],
  ...(uid === '*' ? ['all'] : ['uid', String(uid)]),
];
