// npm run build: the programs, and the dashboard that dsyncd serves.
import { ensureBuilt } from './setup.mjs';

try {
  await ensureBuilt();
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
