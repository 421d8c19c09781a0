import { parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import { exportDovecot, importDovecot } from '@dsyncd/dovecot-maildir';
import {
  type MailboxMail,
  type MailRecord,
  type MemoryUserMail,
  openMemoryStore,
  type SaveChange,
  systemFlags,
  type UserMail,
} from '@dsyncd/mailstore';
import { DovecotHome } from './dovecot-home.ts';

export const alice = parseUserName('alice');

/** A user's mail in a store, and a Dovecot home to export it to. */
export class Bench<Mail extends UserMail = UserMail> {
  readonly mail: Mail;
  readonly dovecot: DovecotHome;

  static async create(separator?: string): Promise<Bench<MemoryUserMail>> {
    const store = openMemoryStore({ clock: systemClock, random: systemRandom });
    return new Bench(await store.open(alice, { create: true }), await DovecotHome.create(separator));
  }

  constructor(mail: Mail, dovecot: DovecotHome) {
    this.mail = mail;
    this.dovecot = dovecot;
  }

  export() {
    return exportDovecot({ mail: this.mail, home: this.dovecot.home });
  }

  import() {
    return importDovecot({ mail: this.mail, home: this.dovecot.home });
  }

  async box(...path: readonly string[]): Promise<MailboxMail> {
    const known = await this.mail.mailboxByPath(path);
    if (known !== undefined) return known;
    return this.mail.mailbox((await this.mail.createMailbox(path)).guid);
  }

  async save(
    mailbox: MailboxMail,
    text: string | Uint8Array,
    rest: Partial<SaveChange> = {},
  ): Promise<MailRecord> {
    const body = await this.mail.stageBody(
      (async function* () {
        yield Buffer.from(text);
      })(),
    );
    const { results } = await mailbox.apply([{ type: 'save', body, ...rest }]);
    const [result] = results;
    const record = result !== undefined && 'uid' in result ? await mailbox.mail(result.uid) : undefined;
    if (record === undefined) throw new Error('not saved');
    return record;
  }

  async body(mailbox: MailboxMail, uid: MailRecord['uid']): Promise<string> {
    const chunks: Buffer[] = [];
    for await (const chunk of await mailbox.body(uid)) chunks.push(chunk);
    return Buffer.concat(chunks).toString('latin1');
  }

  /** All mails of the store by mailbox: what a user sees. */
  async storeView(): Promise<View> {
    const view: Record<string, unknown> = {};
    const { nodes } = await this.mail.tree();
    for (const { path, mailbox: status } of nodes) {
      if (status === undefined) continue;
      const mailbox = await this.mail.mailbox(status.guid);
      const mails = await mailbox.mails(1 as MailRecord['uid'], 10_000);
      view[path.join('/')] = await Promise.all(
        mails.map(async (mail) => ({
          uid: Number(mail.uid),
          guid: mail.guid,
          flags: [...systemFlags.filter((_, bit) => mail.flags & (1 << bit)), ...mail.keywords]
            .sort()
            .join(' '),
          receivedAt: mail.receivedAt,
          size: mail.size,
          virtualSize: mail.virtualSize,
          text: (await this.body(mailbox, mail.uid)).replaceAll('\r\n', '\n'),
        })),
      );
    }
    return view;
  }

  /** The same as Dovecot tells it. */
  async dovecotView(): Promise<View> {
    const view: Record<string, unknown[]> = {};
    for (const { mailbox: name = '' } of await this.dovecot.json('mailbox', 'status', 'guid', '*')) {
      const fields = 'uid guid flags date.received.unixtime size.physical size.virtual text';
      const mails = await this.dovecot.json('fetch', fields, 'mailbox', name);
      view[name] = mails
        .map((mail) => ({
          uid: Number(mail.uid),
          guid: mail.guid,
          flags: (mail.flags ?? '')
            .split(' ')
            .filter((flag) => flag !== '' && flag !== '\\Recent')
            .sort()
            .join(' '),
          receivedAt: Number(mail['date.received.unixtime']),
          size: Number(mail['size.physical']),
          virtualSize: Number(mail['size.virtual']),
          text: (mail.text ?? '').replaceAll('\r\n', '\n'),
        }))
        .sort((a, b) => a.uid - b.uid);
    }
    return view;
  }
}

export type View = Readonly<Record<string, unknown>>;
