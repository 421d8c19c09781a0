import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPair, DovecotHost, startDovecotsOwnReplicator } from '@dsyncd/testkit';
import { ReplicatorSocket } from './replicator-socket.mjs';

/**
 * Pairs of hosts that are compared: `a` and `b` have an LMTP address, the path of `replicator-doveadm`, a folder with
 * one file a mail in the INBOX of a user, and tell those files from others by `isMail`.
 */
class Side {
  constructor(name, a, b, { stop, readProblems }) {
    Object.assign(this, { name, a, b, stop, readProblems });
  }

  async open() {
    this.replicators = [];
    for (const { replicatorPath } of [this.a, this.b])
      this.replicators.push(await ReplicatorSocket.connect(replicatorPath));
  }

  /** Syncs every user once; answers seconds. */
  async syncAll({ isFull }) {
    const startedAt = performance.now();
    await this.replicators[0].replicate({ isFull });
    await this.#untilIdle(this.replicators[0]);
    return (performance.now() - startedAt) / 1000;
  }

  /** What the one tells the other of a sync may make that one sync too. */
  async settle() {
    for (let round = 0; round < 2; round++)
      for (const replicator of this.replicators) await this.#untilIdle(replicator);
  }

  async #untilIdle(replicator) {
    try {
      await replicator.untilIdle();
    } catch (error) {
      throw new Error(`${this.name}: ${error.message}\n${this.readProblems().slice(-20).join('\n')}`);
    }
  }

  async close() {
    for (const replicator of this.replicators ?? []) replicator.close();
    await this.stop();
  }
}

export async function countMails(host, users) {
  let count = 0;
  for (const user of users) {
    const names = await readdir(host.inbox(user)).catch(() => []);
    for (const name of names) if (host.isMail(name)) count++;
  }
  return count;
}

const failures = (dsyncd) => dsyncd.lines.filter((line) => line.includes('sync failed'));
const errors = (dovecot) =>
  dovecot
    .log()
    .split('\n')
    .filter((line) => /Error|Warning|Panic|Fatal/.test(line));

const end = (dovecot, replicatorPath) => ({
  lmtp: dovecot.place.lmtpPort,
  replicatorPath,
  inbox: (user) => join(dovecot.place.mailFolder, user, 'mail/mailboxes/INBOX/dbox-Mails'),
  isMail: (name) => /^u\.\d+$/.test(name),
});

/** Real Dovecots with our dsyncd, configured as deploy/dovecot-2.3 says. */
export async function startOurReplicator(users) {
  const hosts = [];
  for (const name of ['our-a', 'our-b']) hosts.push(await DovecotHost.start({ name, version: '2.3', users }));
  const [a, b] = hosts;
  await a.startDsyncd(b.dovecot.tcp);
  await b.startDsyncd(a.dovecot.tcp);
  const ends = hosts.map((host) => end(host.dovecot, join(host.folder, 'run/replicator-doveadm')));
  return new Side('Dovecot 2.3 with dsyncd', ...ends, {
    stop: () => Promise.all(hosts.map((host) => host.stop())),
    readProblems: () => hosts.flatMap(({ dsyncd, dovecot }) => [...failures(dsyncd), ...errors(dovecot)]),
  });
}

/** The same with Dovecot's own replicator, as its documentation says. */
export async function startTheirReplicator(users) {
  const dovecots = await startDovecotsOwnReplicator({ users });
  const ends = dovecots.map((dovecot) => end(dovecot, join(dovecot.place.folder, 'run/replicator-doveadm')));
  return new Side("Dovecot 2.3 with Dovecot's replicator", ...ends, {
    stop: () => Promise.all(dovecots.map((dovecot) => dovecot.stop())),
    readProblems: () => dovecots.flatMap(errors),
  });
}

export async function startBuiltIn() {
  const folder = await mkdtemp(join(tmpdir(), 'dsyncd-bench-'));
  const { a, b } = await createPair({ folder, ssl: false, settings: ['replication_max_conns = 10'] });
  const hosts = [a, b];
  for (const host of hosts) await host.start();
  const ends = hosts.map((host) => ({
    lmtp: host.lmtpPath,
    replicatorPath: join(host.baseDir, 'replicator-doveadm'),
    inbox: (user) => join(host.folder, 'mail', user, 'Maildir/cur'),
    isMail: () => true,
  }));
  return new Side('built-in pair', ...ends, {
    stop: async () => {
      await Promise.all(hosts.map((host) => host.stop()));
      await rm(folder, { recursive: true, force: true });
    },
    readProblems: () => hosts.flatMap((host) => failures(host.program('dsyncd'))),
  });
}
