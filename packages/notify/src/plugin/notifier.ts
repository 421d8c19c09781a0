import { connect } from 'node:net';
import { join } from 'node:path';
import {
  type Clock,
  type Logger,
  priorityCodes,
  silentLogger,
  systemClock,
  type UserName,
} from '@dsyncd/core';
import { encodeNotify } from '@dsyncd/protocol';
import { type Change, changesIn, MergedChanges } from '../changes.ts';
import { OpenImports } from '../open-imports.ts';
import { writeFifo, writeSpool } from './write-notifications.ts';

/** What became of a saved mail: on the replica, noted for replication, or (with an error in the log) neither. */
export type SaveNotice = 'synced' | 'queued' | 'failed';

/** The notify plugin: how a mail process notifies dsyncd that a user's mail changed. */
export interface Notifier {
  /** A mail came in. Waits for its sync when a sync timeout is set. Never rejects. */
  mailSaved(user: UserName): Promise<SaveNotice>;
  /**
   * Anything else that a user sees changed: flags, expunges, mailboxes, subscriptions. Goes out
   * within 500 ms, merged.
   * @param origin - the host that it was imported from; missing: made here
   */
  mailChanged(user: UserName, origin?: string): void;
  /**
   * A sync may change the user's mail from now on. Call what it answers when that is over, after {@link mailChanged} if
   * something was changed: when the process is killed before the notification is out, dsyncd notices that and notifies
   * of the user itself. Never rejects.
   */
  importBegins(user: UserName): Promise<() => void>;
  /** Sends what waits and settles when it is out. */
  close(): Promise<void>;
}

export interface NotifierOptions {
  /** `base_dir`: where dsyncd has its FIFO and sockets. */
  readonly baseDir: string;
  /** How long {@link Notifier.mailSaved} waits for the replica; 0: it does not. */
  readonly syncTimeoutMs: number;
  /**
   * Where notifications wait while dsyncd is down; default `notify-spool` in `baseDir`. A folder that
   * survives a reboot is better: `notify_spool_dir`. dsyncd must watch it.
   */
  readonly spoolDir?: string;
  readonly clock?: Clock;
  readonly logger?: Logger;
}

const mergeMs = 500;
const mergedUsersMax = 1000;

export const fifoName = 'replication-notify-fifo';
export const notifySocketName = 'replication-notify';
export const replicatorSocketName = 'replicator';

export function createNotifier(options: NotifierOptions): Notifier {
  const { baseDir, syncTimeoutMs, clock = systemClock, logger = silentLogger } = options;
  const fifo = join(baseDir, fifoName);
  const spoolDir = options.spoolDir ?? join(baseDir, 'notify-spool');
  const waiting = new MergedChanges();
  const sending = new Set<Promise<unknown>>();
  const openImports = new OpenImports(spoolDir);
  /** Imports that are over and whose notification goes out next. */
  let ended: (() => void)[] = [];
  let cancelTimer: (() => void) | undefined;

  /** Over the FIFO, else into the spool folder. */
  const send = async (requests: readonly Change[]): Promise<boolean> => {
    const left = writeFifo(fifo, requests);
    if (left.length === 0) return true;
    try {
      await writeSpool(spoolDir, left);
      return true;
    } catch (error) {
      const users = left.slice(0, 10).map(({ user }) => user);
      logger.error({ error, spoolDir, users }, 'change not notified; the next full sync brings it over');
      return false;
    }
  };

  const track = <Result>(work: Promise<Result>): Promise<Result> => {
    sending.add(work);
    void work.finally(() => sending.delete(work));
    return work;
  };

  const flush = (): void => {
    cancelTimer?.();
    cancelTimer = undefined;
    const notified = ended;
    ended = [];
    if (waiting.size === 0) return;
    const isOut = track(send([...changesIn(waiting.take())]));
    void isOut.then((done) => {
      if (done) for (const forget of notified) forget();
    });
  };

  const notifySave = async (user: UserName): Promise<SaveNotice> => {
    if (syncTimeoutMs > 0) {
      const result = await requestSync(join(baseDir, notifySocketName), user, syncTimeoutMs, clock);
      if (result === 'synced') return 'synced';
      logger.info({ user, reason: result }, 'mail not on the replica in time; it follows');
    }
    return (await send([{ user, priority: 'high' }])) ? 'queued' : 'failed';
  };

  return {
    mailSaved: (user) => track(notifySave(user)),
    mailChanged(user, origin) {
      waiting.add(user, priorityCodes.low, origin);
      if (waiting.size >= mergedUsersMax) flush();
      else cancelTimer ??= clock.after(mergeMs, flush);
    },
    async importBegins(user) {
      let forget: () => Promise<void>;
      try {
        forget = await openImports.begin(user);
      } catch (error) {
        logger.warn(
          { error, spoolDir, user },
          'import not noted: if this process is killed, nobody hears of it',
        );
        return () => {};
      }
      const over = (): void => void track(forget().catch(() => {}));
      return () => {
        if (waiting.size > 0) ended.push(over);
        else over();
      };
    },
    async close() {
      flush();
      while (sending.size > 0) await Promise.allSettled(sending);
      await openImports.close().catch((error: unknown) => logger.warn({ error }, 'open imports not closed'));
    },
  };
}

/** Asks on the `replication-notify` socket for a sync, and waits at most `timeoutMs` for its end. Never rejects. */
export function requestSync(
  path: string,
  user: UserName,
  timeoutMs: number,
  clock: Clock,
): Promise<'synced' | 'sync failed' | 'timed out' | 'dsyncd not reachable'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (result: Parameters<typeof resolve>[0]): void => {
      cancelTimer();
      socket.destroy();
      resolve(result);
    };
    const cancelTimer = clock.after(timeoutMs, () => settle('timed out'));
    socket.once('connect', () => socket.write(encodeNotify(user, 'sync')));
    socket.once('data', (answer) => settle(answer[0] === 0x2b ? 'synced' : 'sync failed'));
    socket.once('error', () => settle('dsyncd not reachable'));
    socket.once('close', () => settle('dsyncd not reachable'));
  });
}
