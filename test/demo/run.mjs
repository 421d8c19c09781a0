// npm run demo: builds, and shows two hosts replicating.
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureDebianPackages } from '../tooling/setup.mjs';

const usage = `Usage: npm run demo -- [--keep] [--mail PATH] [--seed N] [--kill] [--fleet]

Starts two mail hosts A and B on loopback in a temporary folder, delivers mail to both, changes both at
once, waits until they are equal and reports.

  --mail PATH  mail to deliver: an mbox file, a Maildir with its subfolders, or a folder of .eml or mbox files
  --keep       leave the hosts running, with mail coming in, and print the addresses of their dashboards
  --seed N     repeat the changes of an earlier run
  --kill       kill programs with kill -9 at random moments meanwhile
  --fleet      keep the queues on a Redis; two replicators share the work of host A, and one of them is killed
               with kill -9 in the middle and stays dead
`;

let options;
try {
  ({ values: options } = parseArgs({
    options: {
      keep: { type: 'boolean', default: false },
      kill: { type: 'boolean', default: false },
      fleet: { type: 'boolean', default: false },
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
if (options.fleet && options.kill) {
  process.stderr.write(`--fleet has a kill of its own: give it without --kill\n\n${usage}`);
  process.exit(64);
}
try {
  ensureDebianPackages({
    openssl: '/usr/bin/openssl',
    ...(options.fleet ? { 'redis-server': '/usr/bin/redis-server' } : {}),
  });
  await ensureBuilt();
  const { runDemo } = await import('@dsyncd/testkit');
  process.exitCode = await runDemo({ ...options, seed: Number(options.seed ?? Date.now() % 1_000_000) });
} catch (error) {
  // A path that is wrong is told; anything else is a defect, and its place matters.
  process.stderr.write(`${error.code === 'ENOENT' ? error.message : (error.stack ?? error)}\n`);
  process.exitCode = 1;
}
