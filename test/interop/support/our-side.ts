import { parseUserName } from '@dsyncd/core';
import type { MailboxMail, MailStore, UserMail } from '@dsyncd/mailstore';
import { renameInbox, systemFlags } from '@dsyncd/mailstore';
import { listStore } from '@dsyncd/testkit';
import type { MailSide } from './mail-side.ts';

const pathOf = (name: string): string[] => name.split('/');

/** One user of a built-in store. */
export class OurSide implements MailSide {
  readonly #store: MailStore;
  readonly #user: string;

  constructor(store: MailStore, user: string) {
    this.#store = store;
    this.#user = user;
  }

  async #with<T>(deed: (user: UserMail) => Promise<T>): Promise<T> {
    const user = await this.#store.open(parseUserName(this.#user), { create: true });
    try {
      return await deed(user);
    } finally {
      await user.close();
    }
  }

  #withMailbox<T>(name: string, deed: (mailbox: MailboxMail, user: UserMail) => Promise<T>): Promise<T> {
    return this.#with(async (user) => {
      const mailbox = await user.mailboxByPath(pathOf(name));
      if (mailbox === undefined) throw new Error(`no mailbox ${name} here`);
      return deed(mailbox, user);
    });
  }

  async save(name: string, bodies: readonly Buffer[]): Promise<void> {
    await this.#withMailbox(name, async (mailbox, user) => {
      for (const body of bodies) {
        const staged = await user.stageBody(once(body));
        await mailbox.apply([{ type: 'save', body: staged }]);
      }
    });
  }

  async #changeFlags(
    name: string,
    uid: number | '*',
    change: (words: { flags: number; keywords: string[] }) => object,
    words: readonly string[],
  ): Promise<void> {
    const bits = words.map((word) => (systemFlags as readonly string[]).indexOf(word));
    const flags = bits.reduce((sum, position) => (position < 0 ? sum : sum | (1 << position)), 0);
    const keywords = words.filter((word) => !word.startsWith('\\'));
    await this.#withMailbox(name, async (mailbox) => {
      const mails = await mailbox.mails(1 as never, 100_000);
      const chosen = mails.filter((mail) => uid === '*' || mail.uid === uid);
      await mailbox.apply(
        chosen.map((mail) => ({ type: 'flags' as const, uid: mail.uid, ...change({ flags, keywords }) })),
      );
    });
  }

  async addFlags(name: string, uid: number | '*', words: readonly string[]): Promise<void> {
    const change = ({ flags, keywords }: { flags: number; keywords: string[] }): object => ({
      addFlags: flags,
      addKeywords: keywords,
    });
    await this.#changeFlags(name, uid, change, words);
  }

  async removeFlags(name: string, uid: number | '*', words: readonly string[]): Promise<void> {
    const change = ({ flags, keywords }: { flags: number; keywords: string[] }): object => ({
      removeFlags: flags,
      removeKeywords: keywords,
    });
    await this.#changeFlags(name, uid, change, words);
  }

  async expunge(name: string, uid: number): Promise<void> {
    await this.#withMailbox(name, (mailbox) => mailbox.apply([{ type: 'expunge', uid: uid as never }]));
  }

  async create(name: string): Promise<void> {
    await this.#with((user) => user.createMailbox(pathOf(name)));
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#with((user) =>
      from === 'INBOX' ? renameInbox(user, pathOf(to)) : user.rename(pathOf(from), pathOf(to)),
    );
  }

  async remove(name: string): Promise<void> {
    await this.#withMailbox(name, (mailbox, user) => user.deleteMailbox(mailbox.guid));
  }

  async subscribe(name: string, isSubscribed: boolean): Promise<void> {
    await this.#with((user) => user.setSubscribed(pathOf(name), isSubscribed));
  }

  async setAttribute(name: string, key: string, value: string | undefined): Promise<void> {
    const [, scope, rest] = /^\/(private|shared)\/(.*)$/.exec(key) ?? [];
    if (rest === undefined) throw new Error(`no attribute key: ${key}`);
    const changedAt = Math.floor(Date.now() / 1000);
    const type = scope === 'private' ? 'private' : 'shared';
    const attribute = { type, key: rest, changedAt, value } as const;
    await this.#withMailbox(name, (mailbox) => mailbox.apply([{ type: 'attribute', attribute }]));
  }

  list: MailSide['list'] = (options) => listStore(this.#store, this.#user, options);
}

async function* once(body: Buffer): AsyncGenerator<Uint8Array> {
  yield body;
}
