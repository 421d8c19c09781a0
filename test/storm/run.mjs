// node test/storm/run.mjs: a storm over real hosts, for as long as wanted.
import { parseArgs } from 'node:util';
import {
  mailFormats,
  runStorm,
  StormLedger,
  startDovecotStorm,
  startOwnReplicatorStorm,
} from '@dsyncd/testkit';
import { ensureBuilt } from '../tooling/setup.mjs';

const usage = `Usage: node test/storm/run.mjs [--pair 2.3-2.4] [--format sdbox] [--seconds 60] [--seed 1] [--rounds 1] [--kills] [--own-names] [--keep]

Starts real hosts on loopback, changes the mail of a few users on all of them at once by LMTP and IMAP (deliveries, flags,
keywords, moves, expunges, mailboxes made, renamed, deleted, subscribed), waits until all say "replicated", and compares
everything. Ends with 1 when something differs, was lost, is there twice, or a temp- mailbox stays.

  --pair      versions of Dovecot, each with a dsyncd: 2.3-2.3, 2.4-2.4, 2.3-2.4; three are a mesh: 2.3-2.4-2.3;
              "own" is two 2.3 with the replicator that Dovecot has built in
  --format    ${mailFormats.join(', ')}
  --seconds   how long there are changes in each round
  --rounds    storms one after another over the same mail; each has a seed of its own
  --kills     dsyncd and Dovecot are ended with kill -9 at random moments
  --own-names mailboxes have other names on each host
  --keep      where something is wrong, leave the hosts running, and print their folders
`;

const { values } = parseArgs({
  options: {
    pair: { type: 'string', default: '2.3-2.4' },
    format: { type: 'string', default: 'sdbox' },
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    rounds: { type: 'string', default: '1' },
    kills: { type: 'boolean', default: false },
    'own-names': { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help || !mailFormats.includes(values.format)) {
  process.stderr.write(usage);
  process.exit(values.help ? 0 : 64);
}

const users = ['ann', 'bob', 'cyd'].map((name) => `${name}@example.com`);
const say = (line) => process.stdout.write(`${new Date().toISOString().slice(11, 19)} ${line}\n`);

await ensureBuilt();
/** How many there are of each kind, and examples, the worst kind first. */
function sayFlaws(flaws) {
  for (const kind of ['lost', 'differs', 'unknown', 'left', 'doubled']) {
    const found = flaws.filter((flaw) => flaw.startsWith(kind));
    if (found.length > 0) say(`${kind}: ${found.length}`);
    for (const flaw of found.slice(0, 20)) say(flaw);
  }
}

const hosts =
  values.pair === 'own'
    ? await startOwnReplicatorStorm({ mailFormat: values.format, users })
    : await startDovecotStorm({ versions: values.pair.split('-'), mailFormat: values.format, users });
const ledger = new StormLedger();
let flaws = 0;
try {
  for (let round = 0; round < Number(values.rounds) && flaws === 0; round++) {
    const seed = Number(values.seed) + round;
    say(`${values.pair} ${values.format}, seed ${seed}`);
    const report = await runStorm({
      ...{ hosts, users, seed, ledger, say },
      seconds: Number(values.seconds),
      hasKills: values.kills,
      ownNames: values['own-names'],
    });
    say(
      report.secondsUntilReplicated === undefined
        ? 'never said to be replicated'
        : `replicated after ${report.secondsUntilReplicated.toFixed(1)} s; ${report.flaws.length} flaws`,
    );
    sayFlaws(report.flaws);
    flaws += report.flaws.length + (report.secondsUntilReplicated === undefined ? 1 : 0);
    if (flaws > 0)
      for (const user of users.filter((name) => report.flaws.some((flaw) => flaw.includes(name))))
        for (const line of hosts.flatMap((host) => host.history(user)).sort()) say(`${user} ${line}`);
  }
  if (values.keep && flaws > 0) {
    for (const host of hosts) say(`${host.name}: ${host.folders.join(' ')}`);
    await new Promise((end) => process.once('SIGTERM', end).once('SIGINT', end));
  }
} finally {
  await Promise.all(hosts.map((host) => host.stop()));
}
process.exitCode = flaws === 0 ? 0 : 1;
