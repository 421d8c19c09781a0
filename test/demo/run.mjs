// npm run demo: installs, builds, and shows two hosts replicating.
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureDebianPackages, ensureNodeModules } from '../tooling/setup.mjs';

const usage = `Usage: npm run demo -- [--keep] [--mail PATH] [--seed N] [--kill]

Starts two mail hosts A and B on loopback in a temporary folder, delivers mail to both, changes both at
once, waits until they are equal and reports.

  --mail PATH  mail to deliver: an mbox file, a Maildir with its subfolders, or a folder of .eml or mbox files
  --keep       leave the hosts running and print how to look at them
  --seed N     repeat the changes of an earlier run
  --kill       kill programs with kill -9 at random moments meanwhile
`;

let options;
try {
  ({ values: options } = parseArgs({
    options: {
      keep: { type: 'boolean', default: false },
      kill: { type: 'boolean', default: false },
      mail: { type: 'string' },
      seed: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }));
} catch (error) {
  process.stderr.write(`${error.message}\n\n${usage}`);
  process.exit(64);
}
if (options.help) {
  process.stdout.write(usage);
  process.exit(0);
}
try {
  ensureNodeModules();
  ensureDebianPackages({ openssl: '/usr/bin/openssl' });
  ensureBuilt();
  const { runDemo } = await import('@dsyncd/testkit');
  process.exitCode = await runDemo({ ...options, seed: Number(options.seed ?? Date.now() % 1_000_000) });
} catch (error) {
  // A path that is wrong is told; anything else is a defect, and its place matters.
  process.stderr.write(`${error.code === 'ENOENT' ? error.message : (error.stack ?? error)}\n`);
  process.exitCode = 1;
}
