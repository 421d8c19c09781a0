import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DsyncdError } from '@dsyncd/core';

/** The built worker file. Node 20 cannot start a thread from TypeScript, so source that is run directly uses the build too. */
export function workerFile(): URL {
  if (!import.meta.url.endsWith('.ts')) return new URL('./index.worker.js', import.meta.url);
  const built = new URL('../../dist/maildir/index.worker.js', import.meta.url);
  if (existsSync(built)) return built;
  throw new DsyncdError('DSYNCD_STORE_NOT_BUILT', `${fileURLToPath(built)} is missing`, {
    outcome: 'operator',
    hint: 'run: npx tsc -b',
  });
}
