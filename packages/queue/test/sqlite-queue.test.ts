import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@dsyncd/core';
import { afterAll } from 'vitest';
import { describeReplicationQueue } from '../src/contract/index.ts';
import { openSqliteQueue } from '../src/index.ts';

const folder = mkdtempSync(join(tmpdir(), 'dsyncd-queue-'));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

describeReplicationQueue('the embedded queue', (options) =>
  openSqliteQueue({ ...options, file: join(folder, `queue${count++}.sqlite`), logger: silentLogger }),
);
