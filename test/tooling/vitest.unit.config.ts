// npm run test:unit: the tests of packages and apps that start nothing. Seconds instead of minutes.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What starts a program, a thread, a Dovecot or a Redis, by itself or with testkit. */
const programs =
  /child_process|worker_threads|\.worker\.ts|RedisServer|redisServerProgram|\b(Dovecot)?Host\b|Sshd\b|dovecotProblem|runProgram|createFleet|openssl|openMaildirStore|openSqliteQueue/;

/** These start nothing, and take as long as all others together. */
const slow = new Set([
  'packages/dsync/test/laws.test.ts',
  'packages/dsync/test/one-way.test.ts',
  'packages/http-api/test/events.test.ts',
]);

const found = new Map<string, boolean>();

/** Does this file, or one of the test's own files that it imports, start anything? */
function startsPrograms(file: string): boolean {
  const known = found.get(file);
  if (known !== undefined) return known;
  found.set(file, false);
  const text = readFileSync(file, 'utf8');
  const near = [...text.matchAll(/from '(\.[^']+\.ts)'/g)].map(([, path = '']) => join(dirname(file), path));
  const answer = programs.test(text) || near.some((path) => path.includes('/test/') && startsPrograms(path));
  found.set(file, answer);
  return answer;
}

function unitTests(): readonly string[] {
  const files: string[] = [];
  for (const rooms of ['packages', 'apps'])
    for (const room of readdirSync(join(root, rooms))) {
      const folder = join(root, rooms, room, 'test');
      if (!existsSync(folder)) continue;
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }))
        if (name.endsWith('.test.ts') && !startsPrograms(join(folder, name))) files.push(join(folder, name));
    }
  return files.map((file) => relative(root, file)).filter((file) => !slow.has(file));
}

const unit = mergeConfig(base, defineConfig({ test: { globalSetup: [] } }));
// mergeConfig would add to these lists. Not isolated: half of the time goes into loading the packages for each file. For tests that
// start programs it is a twentieth, and they stay isolated.
export default { ...unit, test: { ...unit.test, isolate: false, globalSetup: [], include: unitTests() } };
