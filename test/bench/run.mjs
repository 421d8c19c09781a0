// npm run bench: speed and memory of the product, beside what Dovecot and Cyrus do. Prints a table and writes JSON.
import { writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureBuilt, ensureDebianPackages } from '../tooling/setup.mjs';

const usage = `Usage: npm run bench -- [--only NAME] [--json FILE] [--small]

Measures on this machine, with real programs on loopback over TLS. --only runs the cases whose name contains
NAME. The JSON goes to FILE, default bench.json in the present folder. --small does everything in a tiny size: it
shows that the cases work, not how fast anything is.
`;

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    small: { type: 'boolean', default: false },
    json: { type: 'string', default: 'bench.json' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (options.help) {
  process.stdout.write(usage);
  process.exit(0);
}
ensureDebianPackages({ openssl: '/usr/bin/openssl' });
await ensureBuilt();

const { cases } = await import('./cases.mjs');
/** Each case has a tiny size too, so that it cannot rot unseen. */
const pick = (full, small) => (options.small ? small : full);
const results = [];
for (const { name, run } of cases) {
  if (!name.includes(options.only)) continue;
  process.stderr.write(`${name} ...\n`);
  const rows = await run(pick);
  results.push(...rows);
  for (const row of rows) process.stderr.write(`  ${row.what}: ${row.text}\n`);
}

const machine = {
  cpu: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
  node: process.version,
};
const columns = ['what', 'text', 'target', 'verdict', 'reference'];
const heads = { what: 'measured', text: 'figure', target: 'target', verdict: '', reference: 'reference' };
const width = (column) => Math.max(...[heads, ...results].map((row) => String(row[column] ?? '').length));
const line = (row) => columns.map((column) => String(row[column] ?? '').padEnd(width(column))).join('  ');
const write = (text) => process.stdout.write(`${text.trimEnd()}\n`);
write(
  `\n${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, Node ${machine.node}; both hosts on this machine\n`,
);
write(line(heads));
for (const row of results) write(line(row));
writeFileSync(
  options.json,
  `${JSON.stringify({ at: new Date().toISOString(), machine, results }, null, 2)}\n`,
);
write(
  `\nreferences: Dovecot 2.3.19 and Cyrus 3.6 on two shared cores, both hosts of the pair on one machine\nwritten: ${options.json}`,
);
