// Begins an import as a program under a sync does, says so, and waits to be ended.
import { parseUserName } from '@dsyncd/core';
import { createNotifier } from '../src/index.ts';

const [baseDir = '', spoolDir = '', user = ''] = process.argv.slice(2);
const notifier = createNotifier({ baseDir, spoolDir, syncTimeoutMs: 0 });
await notifier.importBegins(parseUserName(user));
process.stdout.write('begun\n');
setInterval(() => {}, 60_000);
