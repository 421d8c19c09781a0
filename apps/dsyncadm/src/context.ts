import { readFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Config, mailHomesFolder } from '@dsyncd/config';
import {
  type Clock,
  DsyncdError,
  type Logger,
  parseUserName,
  systemClock,
  systemCode,
  systemRandom,
  type UserName,
} from '@dsyncd/core';
import type { SyncResult } from '@dsyncd/engine';
import type { MaildirStore, UserMail } from '@dsyncd/mailstore';
import { notPossible } from './errors.ts';
import type { OneOffSync } from './one-off-sync.ts';
import { stderrLogger, type Terminal } from './output/terminal.ts';

/** What the commands need of the world. The production one is {@link createContext}. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** The configuration, read once. */
  config(): Promise<Config>;
  /** Path of the socket `replicator-doveadm` in the configured `base_dir`. */
  replicatorSocket(): Promise<string>;
  /** The built-in mail store. */
  store(): Promise<MaildirStore>;
  /** Opens a user's mail for reading. */
  withUserMail<T>(user: string, task: (mail: UserMail) => Promise<T>): Promise<T>;
  /** Opens a user's mail, runs `task` and notifies, as every mail process does. */
  changeUserMail<T>(change: MailChangeIntent, task: (mail: UserMail) => Promise<T>): Promise<T>;
  /** Syncs one user beside the queue; a signal to the program aborts it. */
  syncOnce(sync: Omit<OneOffSync, 'signal'>): Promise<SyncResult>;
  /** Ends the program with this code when the command is done. */
  exitWith(code: number): void;
}

export interface MailChangeIntent {
  readonly user: string;
  /** Make the mail home when there is none. */
  readonly create?: boolean;
  /** `high` for mail that is new on this host, `low` for everything else. */
  readonly priority: 'low' | 'high';
}

export interface ContextOptions {
  readonly terminal: Terminal;
  /** The file of `-c`, once the command line is parsed. */
  readonly configOption: () => string | undefined;
}

export interface ProcessContext extends CommandContext {
  readonly exitCode: number;
  close(): Promise<void>;
}

/** Runs `task` with a signal that SIGINT and SIGTERM abort. */
export async function interruptible<T>(task: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onSignal = (): void => interrupt.abort(new Error('interrupted'));
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
  try {
    return await task(interrupt.signal);
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}

export function createContext(options: ContextOptions): ProcessContext {
  return new RealContext(options);
}

class RealContext implements ProcessContext {
  readonly terminal: Terminal;
  readonly clock = systemClock;
  readonly #configOption: () => string | undefined;
  readonly #logger: Logger;
  #config: Promise<Config> | undefined;
  #store: Promise<MaildirStore> | undefined;
  #exitCode = 0;

  constructor({ terminal, configOption }: ContextOptions) {
    this.terminal = terminal;
    this.#configOption = configOption;
    this.#logger = stderrLogger(terminal);
  }

  get exitCode(): number {
    return this.#exitCode;
  }

  config(): Promise<Config> {
    this.#config ??= loadConfigOf(this.#configOption());
    return this.#config;
  }

  async replicatorSocket(): Promise<string> {
    return join((await this.config()).baseDir, 'replicator-doveadm');
  }

  store(): Promise<MaildirStore> {
    this.#store ??= this.config().then((config) => openStore(config, this.#logger));
    return this.#store;
  }

  withUserMail<T>(user: string, task: (mail: UserMail) => Promise<T>): Promise<T> {
    return this.#withMail(user, false, task);
  }

  changeUserMail<T>(change: MailChangeIntent, task: (mail: UserMail) => Promise<T>): Promise<T> {
    return this.#withMail(change.user, change.create === true, async (mail) => {
      try {
        return await task(mail);
      } finally {
        // Also when the task failed: some of its changes may have been made before.
        await notify(await this.config(), this.#logger, { user: mail.user, priority: change.priority });
      }
    });
  }

  async #withMail<T>(name: string, create: boolean, task: (mail: UserMail) => Promise<T>): Promise<T> {
    const user = parseUserName(name);
    const store = await this.store();
    const mail = await store.open(user, { create }).catch(explainNoUser);
    try {
      return await task(mail);
    } finally {
      await mail.close();
    }
  }

  async syncOnce(sync: Omit<OneOffSync, 'signal'>): Promise<SyncResult> {
    return interruptible(async (signal) => {
      const { hasImported, runOneOffSync } = await import('./one-off-sync.ts');
      const parts = { config: await this.config(), store: await this.store(), logger: this.#logger };
      const result = await runOneOffSync(parts, { ...sync, signal });
      if (hasImported(result) && !sync.isDryRun)
        await notify(parts.config, this.#logger, { user: sync.user, priority: 'low', origin: result.peer });
      return result;
    });
  }

  exitWith(code: number): void {
    this.#exitCode = code;
  }

  async close(): Promise<void> {
    // A store that could not be opened was reported by the command that needed it.
    const store = await this.#store?.catch(() => undefined);
    await store?.close();
  }
}

// The parts below are loaded when they are used: help and usage errors need none, and loading all of them takes
// longer than most commands.

async function loadConfigOf(option: string | undefined): Promise<Config> {
  const { configFileName, loadConfig } = await import('@dsyncd/config');
  return loadConfig(configFileName(option));
}

function explainNoUser(error: unknown): never {
  if (!(error instanceof DsyncdError) || error.code !== 'DSYNCD_STORE_NO_USER') throw error;
  throw new DsyncdError(error.code, error.message, {
    outcome: error.outcome,
    hint: 'check the name; `dsyncadm mail save --create-user` makes the home of a new user',
    cause: error,
  });
}

async function openStore(config: Config, logger: Logger): Promise<MaildirStore> {
  const { mailEngine } = config;
  if (mailEngine !== 'builtin')
    throw notPossible(
      `mail_engine is ${mailEngine}: the mail is not in the store of dsyncd`,
      `use the commands of ${mailEngine} for mail; \`dsyncadm status\` and \`dsyncadm replicator\` work`,
    );
  const { storeSettings } = await import('@dsyncd/config');
  const { openMaildirStore } = await import('@dsyncd/mailstore');
  await becomeOwnerOf(mailHomesFolder(config));
  return openMaildirStore({
    ...storeSettings(config),
    clock: systemClock,
    random: systemRandom,
    logger,
    workers: 1,
  });
}

interface Notice {
  readonly user: UserName;
  readonly priority: MailChangeIntent['priority'];
  /** The host that the change came from; missing: it was made here. */
  readonly origin?: string | undefined;
}

/** Notifies dsyncd of a change and waits for the answer. A failure goes to stderr only: the change itself is done. */
async function notify(config: Config, logger: Logger, { user, priority, origin }: Notice): Promise<void> {
  const { createNotifier } = await import('@dsyncd/notify');
  const notifier = createNotifier({
    baseDir: config.baseDir,
    spoolDir: config.notifySpoolDir,
    syncTimeoutMs: config.replicationSyncTimeoutMs,
    logger,
  });
  if (priority === 'high') await notifier.mailSaved(user);
  else notifier.mailChanged(user, origin);
  await notifier.close();
}

/**
 * Root becomes the owner of the mail for the rest of the program, as the services that share the
 * files could not read what root makes. Others stay who they are.
 *
 * @param folder - where the mail is; where it does not exist yet, the nearest folder above counts
 */
export async function becomeOwnerOf(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await nearestFolder(folder);
  if (uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

async function nearestFolder(folder: string): Promise<{ readonly uid: number; readonly gid: number }> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      return await stat(path);
    } catch (error) {
      const isMissing = systemCode(error) === 'ENOENT';
      if (!isMissing || path === dirname(path)) throw error;
    }
  }
}

/** Version of this program, from its package. */
export function programVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
