// npm test: builds, runs every test, and ends with "N passed, N failed".
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianHosts } from './debian-hosts.mjs';
import { ensureDovecot24 } from './dovecot24.mjs';
import { ensureBuilt, ensureDebianPackages, root, testPackages } from './setup.mjs';

const isCi = process.env.CI === 'true';

async function prepare() {
  const missing = ensureDebianPackages(testPackages);
  if (missing.length > 0) {
    const text = `missing Debian packages: ${missing.join(', ')}`;
    if (isCi) throw new Error(`${text}; with CI=true every integration test must run`);
    process.stderr.write(`${text}: the tests that need them are skipped\n`);
  }
  for (const problem of [ensureDovecot24(), ensureDebianHosts()]) {
    if (problem === undefined) continue;
    if (isCi) throw new Error(`${problem}; with CI=true every integration test must run`);
    process.stderr.write(`${problem}: the tests that need it are skipped\n`);
  }
  await ensureBuilt();
}

async function runVitest(reportFile) {
  const child = spawn(
    process.execPath,
    [
      join(root, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--config',
      'test/tooling/vitest.config.ts',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${reportFile}`,
      ...process.argv.slice(2),
    ],
    { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] },
  );
  return await new Promise((resolve) => child.once('exit', (code) => resolve(code ?? 1)));
}

/** A suite that could not even be loaded has no test in it, and counts as one failure. */
function readCounts(reportFile) {
  const report = JSON.parse(readFileSync(reportFile, 'utf8'));
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && file.assertionResults.length === 0,
  ).length;
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + brokenFiles,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

const folder = mkdtempSync(join(tmpdir(), 'dsyncd-tests-'));
let counts = { passed: 0, failed: 1, skipped: 0 };
try {
  await prepare();
  const reportFile = join(folder, 'report.json');
  const exitCode = await runVitest(reportFile);
  counts = readCounts(reportFile);
  if (exitCode !== 0 && counts.failed === 0) counts.failed = 1;
  if (isCi && counts.skipped > 0) {
    process.stderr.write(`${counts.skipped} tests were skipped, which CI=true counts as failures\n`);
    counts.failed += counts.skipped;
    counts.skipped = 0;
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed${skipped}\n`);
process.exitCode = counts.failed === 0 && counts.passed > 0 ? 0 : 1;
