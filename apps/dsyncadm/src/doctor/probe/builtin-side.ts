import { asUid } from '@dsyncd/core';
import { type MailboxMail, systemFlags, type UserMail } from '@dsyncd/mailstore';
import type { CommandContext } from '../../context.ts';
import type { ProbeFlag, ProbeHand, Sight } from './sides.ts';

/** The probe has one mail; more than a few are somebody else's. */
const mailsMax = 10;

/** The mail of the built-in store on this host, changed and notified as by `dsyncadm mail`. */
export class BuiltinHand implements ProbeHand {
  readonly #context: CommandContext;
  readonly #user: string;

  constructor(context: CommandContext, user: string) {
    this.#context = context;
    this.#user = user;
  }

  create(name: string): Promise<void> {
    return this.#change('low', async (mail) => void (await mail.createMailbox([name])));
  }

  save(name: string, text: string): Promise<void> {
    return this.#change('high', async (mail) => {
      const mailbox = await required(mail, name);
      await mailbox.apply([{ type: 'save', body: await mail.stageBody(once(text)) }]);
    });
  }

  flag(name: string, flag: ProbeFlag): Promise<void> {
    const addFlags = 1 << systemFlags.indexOf(flag);
    return this.#change('low', async (mail) => {
      const mailbox = await required(mail, name);
      const mails = await mailbox.mails(asUid(1), mailsMax);
      await mailbox.apply(mails.map(({ uid }) => ({ type: 'flags', uid, addFlags })));
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#change('low', (mail) => mail.rename([from], [to]));
  }

  async expunge(name: string): Promise<undefined> {
    await this.#change('low', async (mail) => {
      const mailbox = await required(mail, name);
      const mails = await mailbox.mails(asUid(1), mailsMax);
      await mailbox.apply(mails.map(({ uid }) => ({ type: 'expunge', uid })));
    });
  }

  async remove(name: string): Promise<void> {
    const isThere = await this.#context.withUserMail(
      this.#user,
      async (mail) => (await mail.mailboxByPath([name])) !== undefined,
    );
    if (!isThere) return;
    await this.#change('low', async (mail) => mail.deleteMailbox((await required(mail, name)).guid));
  }

  #change(priority: 'low' | 'high', task: (mail: UserMail) => Promise<void>): Promise<void> {
    return this.#context.changeUserMail({ user: this.#user, priority }, task);
  }
}

async function required(mail: UserMail, name: string): Promise<MailboxMail> {
  const mailbox = await mail.mailboxByPath([name]);
  if (mailbox === undefined) throw new Error(`the mailbox ${name} is gone: somebody else has changed it`);
  return mailbox;
}

/** What is in a mailbox of a store of ours. */
export async function sightOf(mail: UserMail, name: string): Promise<Sight | undefined> {
  const mailbox = await mail.mailboxByPath([name]);
  if (mailbox === undefined) return undefined;
  const mails = await mailbox.mails(asUid(1), mailsMax);
  const flags = mails.flatMap((each) => systemFlags.filter((_, bit) => (each.flags & (1 << bit)) !== 0));
  return { mails: mails.length, flags };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}
