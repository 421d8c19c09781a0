import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LogFields, Logger } from '@dsyncd/core';
import { onTestFinished } from 'vitest';
import { contractSettings, VirtualClock } from '../src/contract/index.ts';
import { openSqliteQueue, type SqliteQueue, type SqliteQueueOptions } from '../src/index.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

/** A folder of a queue file, the log of whoever opens it, and a clock that stands still. */
export class QueueFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'dsyncd-queue-'));
  readonly file = join(this.folder, 'queue.sqlite');
  readonly clock = new VirtualClock();
  readonly log: LogLine[] = [];

  constructor() {
    onTestFinished(() => rmSync(this.folder, { recursive: true }));
  }

  open(options: Partial<SqliteQueueOptions> = {}): Promise<SqliteQueue> {
    return openSqliteQueue({
      file: this.file,
      clock: this.clock,
      random: { fraction: () => 0.5, hex: () => '' },
      logger: this.#logger(),
      settings: contractSettings,
      ...options,
    });
  }

  logged(message: RegExp): LogLine[] {
    return this.log.filter((line) => message.test(line.message));
  }

  #logger(): Logger {
    const write =
      (level: LogLine['level']) =>
      (fields: LogFields, message: string): void => {
        this.log.push({ level, message, fields });
      };
    const logger: Logger = {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      child: () => logger,
    };
    return logger;
  }
}
