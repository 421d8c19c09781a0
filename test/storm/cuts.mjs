// node test/storm/cuts.mjs: syncs with real Dovecots that are cut at every byte, as many as wanted.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt, root } from '../tooling/setup.mjs';

const usage = `Usage: node test/storm/cuts.mjs [--runs 200] [--seed 1] [--versions 2.3,2.4] [--formats sdbox,maildir] [--leaders theirs,ours] [--only RUN]

Gives a user mail on a Dovecot and on a built-in host, cuts the sync between them after some bytes of one direction, once
or more, lets the next ones through until both are equal, and counts what was lost, doubled, came back or differs.
Ends with 1 when there is anything of the kind.

  --runs      in all: shared among versions, formats and leaders; those alike cover the whole length of a sync evenly
  --seed      of the mails and the cuts; a run's own seed is in its title and in the list of what was wrong
  --versions  of Dovecot
  --formats   of its mail
  --leaders   who begins the syncs: theirs is doveadm sync, ours the built-in engine
  --only      the number of one run, to see it again: its seed less 100000 times --seed
`;

const option = (value) => ({ type: 'string', default: value });
const { values } = parseArgs({
  options: {
    runs: option('200'),
    seed: option('1'),
    versions: option('2.3,2.4'),
    formats: option('sdbox,maildir'),
    leaders: option('theirs,ours'),
    only: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  process.stderr.write(usage);
  process.exit(0);
}

ensureBuilt();
const kinds = [values.versions, values.formats, values.leaders].map((list) => list.split(',').length);
const runsEach = Math.ceil(Number(values.runs) / kinds.reduce((product, count) => product * count, 1));
const folder = mkdtempSync(join(tmpdir(), 'cuts-'));
const report = join(folder, 'report.jsonl');
const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'test/tooling/vitest.config.ts'];
const { status } = spawnSync(process.execPath, [...vitest, 'test/interop/cut-links.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: {
    ...process.env,
    CUT_RUNS: String(runsEach),
    CUT_SEED: values.seed,
    CUT_VERSIONS: values.versions,
    CUT_FORMATS: values.formats,
    CUT_LEADERS: values.leaders,
    CUT_REPORT: report,
    ...(values.only === undefined ? {} : { CUT_ONLY: values.only }),
  },
});
const found = readFileSync(report, 'utf8').trim().split('\n').map(JSON.parse);
rmSync(folder, { recursive: true });

const groups = groupedBy(found, groupOf);
for (const [name, runs] of [...groups, ['all', found]]) {
  const sum = (field) => runs.reduce((total, run) => total + run[field], 0);
  const [cuts, unequal] = [
    runs.reduce((total, run) => total + run.cuts.length, 0),
    runs.filter(({ different }) => different.length > 0).length,
  ];
  const rounds = Math.max(...runs.map((run) => run.rounds));
  console.log(
    `${name}: ${runs.length} runs, ${cuts} cuts, lost ${sum('lost')}, doubled ${sum('doubled')}, came back ${sum('cameBack')}, unequal ${unequal}, at most ${rounds} syncs until equal`,
  );
}
for (const run of found.filter((one) => one.lost + one.doubled + one.cameBack + one.different.length > 0))
  console.log(JSON.stringify(run));
process.exitCode = status ?? 1;

function groupOf({ version, mailFormat, leader }) {
  return `${version} ${mailFormat} led by ${leader}`;
}

function groupedBy(items, nameOf) {
  const map = new Map();
  for (const item of items) map.set(nameOf(item), [...(map.get(nameOf(item)) ?? []), item]);
  return map;
}
