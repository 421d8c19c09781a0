import { once } from 'node:events';
import { connect } from 'node:net';
import { ImapClient, quote } from '../imap-client.ts';
import { LmtpClient } from '../lmtp-client.ts';
import type { Dovecot } from '../rig/dovecot.ts';
import type { DovecotHost } from '../rig/dovecot-host.ts';
import { listDovecot } from '../rig/dovecot-listing.ts';
import type { StoredMail, StormHost, StormMail } from './storm-host.ts';

/** A real Dovecot with its dsyncd. */
export const dovecotStormHost = (name: string, host: DovecotHost): StormHost => ({
  ...dovecotStormMail(name, host.dovecot),
  saysReplicated: (users) => replicatorSays(`${host.folder}/run/replicator-doveadm`, users),
  kills: {
    dsyncd: async () => {
      await host.dsyncd.end('SIGKILL');
      await host.startDsyncdAgain();
    },
    dovecot: () => host.dovecot.killAndRestart(),
  },
  reported: (user) =>
    host.dsyncd.log
      .filter((line) => line.user === user)
      .map(({ note = '' }) => note)
      .join('\n'),
  history: (user) =>
    host.syncs
      .filter((sync) => sync.user === user)
      .slice(-20)
      .map(({ time, type, outcome, durationMs, reason = '' }) =>
        [name, time, type, outcome, `${durationMs} ms`, reason].join(' '),
      ),
  folders: [host.folder, host.dovecot.place.folder],
  stop: () => host.stop(),
});

/** What people do with the mail of a real Dovecot, whichever replicator it has. */
export const dovecotStormMail = (
  name: string,
  dovecot: Dovecot,
): Pick<StormHost, 'name' | 'open' | 'deliver' | 'list' | 'mails'> => ({
  name,
  open: async (user) => new ImapMail(await ImapClient.connect(dovecot.place.imapPort, user)),
  deliver: async (user, body) => {
    const client = await LmtpClient.connect(dovecot.place.lmtpPort);
    try {
      return (await client.deliver([user], body))[0]?.startsWith('250') === true;
    } finally {
      client.close();
    }
  },
  list: (user) => listDovecot(dovecot, user, { withBodies: true }),
  mails: (user) => storedMails(dovecot, user),
});

async function storedMails(dovecot: Dovecot, user: string): Promise<readonly StoredMail[]> {
  const field = ['mailbox', 'hdr.message-id', 'uid', 'guid'];
  const rows = await dovecot.api('fetch', { user, field, query: ['mailbox', '*'] });
  return rows.map(({ mailbox = '', uid = '', guid = '', ...row }) => ({
    ...{ mailbox, uid, guid },
    messageId: row['hdr.message-id'] ?? '',
  }));
}

/** One user's mail over IMAP. */
class ImapMail implements StormMail {
  readonly #client: ImapClient;

  constructor(client: ImapClient) {
    this.#client = client;
  }

  async mailboxes(): Promise<readonly string[]> {
    const lines = await this.#client.command('LIST "" "*"');
    return lines.flatMap((line) => {
      const [, words = '', name = ''] = /^\* LIST \(([^)]*)\) \S+ "?([^"]*)"?$/.exec(line) ?? [];
      return name === '' || /noselect/i.test(words) ? [] : [name];
    });
  }

  async uids(mailbox: string): Promise<readonly number[]> {
    await this.#client.select(mailbox);
    const lines = await this.#client.command('UID SEARCH ALL');
    const found = lines.find((line) => line.startsWith('* SEARCH'))?.slice('* SEARCH'.length) ?? '';
    return found.trim().split(' ').filter(Boolean).map(Number);
  }

  async messageId(mailbox: string, uid: number): Promise<string | undefined> {
    await this.#client.select(mailbox);
    const lines = await this.#client.command(`UID FETCH ${uid} (ENVELOPE)`);
    return /<[^ >]*@storm\.test>/.exec(lines.join('\n'))?.[0];
  }

  async flag(mailbox: string, uid: number, word: string, isAdding: boolean): Promise<void> {
    await this.#client.select(mailbox);
    await this.#client.command(`UID STORE ${uid} ${isAdding ? '+' : '-'}FLAGS.SILENT (${word})`);
  }

  async move(mailbox: string, uid: number, to: string): Promise<void> {
    await this.#client.select(mailbox);
    await this.#client.command(`UID MOVE ${uid} ${quote(to)}`);
  }

  async expunge(mailbox: string, uid: number): Promise<void> {
    await this.#client.select(mailbox);
    await this.#client.command(`UID STORE ${uid} +FLAGS.SILENT (\\Deleted)`);
    await this.#client.command(`UID EXPUNGE ${uid}`);
  }

  async create(mailbox: string): Promise<void> {
    await this.#client.command(`CREATE ${quote(mailbox)}`);
  }

  async rename(mailbox: string, to: string): Promise<void> {
    await this.#client.unselect();
    await this.#client.command(`RENAME ${quote(mailbox)} ${quote(to)}`);
  }

  async delete(mailbox: string): Promise<void> {
    await this.#client.unselect();
    await this.#client.command(`DELETE ${quote(mailbox)}`);
  }

  async subscribe(mailbox: string, isSubscribing: boolean): Promise<void> {
    await this.#client.command(`${isSubscribing ? 'SUBSCRIBE' : 'UNSUBSCRIBE'} ${quote(mailbox)}`);
  }

  async close(): Promise<void> {
    await this.#client.command('LOGOUT').catch(() => {});
    this.#client.close();
  }
}

const greeting = 'VERSION\treplicator-doveadm-client\t1\t0\n';

/**
 * What a replicator says on its socket `replicator-doveadm`, as `doveadm replicator` asks it: true when no sync runs, every one
 * of the users was synced, nothing waits for them and nothing failed. The built-in replicator of Dovecot 2.3 can be asked, too.
 */
export async function replicatorSays(path: string, users: readonly string[]): Promise<boolean> {
  const socket = connect(path);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    // Two answers, each with an empty line after it.
    if (text.split('\n\n').length > 2) socket.end();
  });
  socket.setTimeout(10_000, () => socket.destroy(new Error(`${path}: no answer within 10 s`)));
  socket.write(`${greeting}STATUS-DSYNC\nSTATUS\t*\n`);
  await once(socket, 'close');
  const [syncs = '', states = ''] = text.replace(/^VERSION.*\n/, '').split('\n\n');
  const isRunning = syncs.split('\n').some((line) => line !== '' && !/\t(Not connected|Idle)$/.test(line));
  if (isRunning) return false;
  // A line a channel.
  const rows = states.split('\n').map((line) => line.split('\t'));
  return users.every((user) => {
    const mine = rows.filter(([name]) => name === user);
    return (
      mine.length > 0 &&
      mine.every(([, priority, fast, , failed]) => priority === 'none' && Number(fast) > 0 && failed === '0')
    );
  });
}
