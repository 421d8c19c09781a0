import { type Clock, systemClock } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import type { Terminal } from './output/terminal.ts';

/** What the commands need of the world. The production one is {@link createContext}. */
export interface CommandContext {
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Path of the socket `replicator-doveadm` in the configured `base_dir`. */
  replicatorSocket(): Promise<string>;
  /** Opens a user's mail for reading. */
  withUserMail<T>(user: string, task: (mail: UserMail) => Promise<T>): Promise<T>;
  /** Opens a user's mail, runs `task` and notifies, as any mail process does. */
  changeUserMail<T>(change: MailChangeIntent, task: (mail: UserMail) => Promise<T>): Promise<T>;
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
  readonly configFile: () => string;
}

export interface ProcessContext extends CommandContext {
  readonly exitCode: number;
  close(): Promise<void>;
}

export function createContext(options: ContextOptions): ProcessContext {
  let exitCode = 0;
  const missing = (): never => {
    throw new Error(options.configFile());
  };
  return {
    terminal: options.terminal,
    clock: systemClock,
    replicatorSocket: async () => missing(),
    withUserMail: async () => missing(),
    changeUserMail: async () => missing(),
    exitWith(code) {
      exitCode = code;
    },
    get exitCode() {
      return exitCode;
    },
    close: async () => {},
  };
}
