import { asUid, DsyncdError, knownErrorCode, type UserName } from '@dsyncd/core';
import { type Doveadm, receiveMailbox, type Scene } from '@dsyncd/doctor';
import { type MailboxMail, systemFlags, type UserMail } from '@dsyncd/mailstore';
import type { createPeer } from '@dsyncd/transport';
import type { CommandContext } from '../context.ts';

/** Does to the canary mailbox what a user does; each action is notified as any other change. */
export interface ProbeHand {
  create(mailbox: string): Promise<void>;
  save(mailbox: string, mail: string): Promise<void>;
  /** Flags every mail in it. */
  flag(mailbox: string, flag: ProbeFlag): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Expunges every mail in it. Answers what an operator should know of how that is notified, if anything. */
  expunge(mailbox: string): Promise<string | undefined>;
  /** Does nothing when it is not there. */
  remove(mailbox: string): Promise<void>;
}

/** Inspects the canary mailbox. */
export interface ProbeEye {
  /** Undefined: there is no such mailbox. */
  look(mailbox: string): Promise<Sight | undefined>;
}

export interface Sight {
  readonly mails: number;
  /** Of all mails together, `\Flagged`. */
  readonly flags: readonly string[];
}

export type ProbeFlag = '\\Flagged' | '\\Answered';

/** Inspects the other end by syncs of that one mailbox, one way. */
export class SyncEye implements ProbeEye {
  readonly #scene: Scene;
  readonly #peer: Parameters<typeof createPeer>;
  readonly #user: UserName;

  constructor(scene: Scene, peer: Parameters<typeof createPeer>, user: UserName) {
    this.#scene = scene;
    this.#peer = peer;
    this.#user = user;
  }

  look(mailbox: string): Promise<Sight | undefined> {
    const asked = { user: this.#user, mailbox };
    return receiveMailbox(this.#scene, this.#peer, asked, async (mail, { outcome, failure }) => {
      if (failure === undefined || outcome === 'ok' || outcome === 'changed') return sightOf(mail, mailbox);
      throw new DsyncdError(knownErrorCode(failure.code, 'DSYNCD_SYNC_FAILED'), failure.reason, {
        outcome,
        hint: failure.hint,
      });
    });
  }
}

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
    // Its plugin does not notify an expunge that comes alone, by IMAP or doveadm; any other change brings it along.
    await this.#ask('mailbox subscribe', mailbox);
    await this.#ask('mailbox unsubscribe', mailbox);
    return 'Dovecot 2.3 does not notify an expunge that comes alone: the next other change of the user brings it';
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
