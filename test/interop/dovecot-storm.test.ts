import {
  type DovecotVersion,
  dovecotProblem,
  runStorm,
  type StormHost,
  startDovecotStorm,
} from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const users = ['ann@example.com', 'bob@example.com'];
let hosts: readonly StormHost[] = [];

afterEach(async () => {
  await Promise.all(hosts.map((host) => host.stop()));
  hosts = [];
});

const pairs: readonly (readonly [DovecotVersion, DovecotVersion])[] = [
  ['2.3', '2.3'],
  ['2.4', '2.4'],
  ['2.3', '2.4'],
];

// For hours: node test/storm/run.mjs.
describe.each(pairs)('a storm over Dovecot %s and %s', (...versions) => {
  const problem = versions.map(dovecotProblem).find((each) => each !== undefined);

  test.skipIf(problem !== undefined)(
    'leaves both equal, with every mail there once, without a forced full sync',
    async () => {
      hosts = await startDovecotStorm({ versions, users });
      const report = await runStorm({ hosts, users, seed: 11, seconds: 12, ownNames: true });
      expect(report.flaws).toEqual([]);
      expect(report.secondsUntilReplicated).toBeDefined();
      expect(report.mails).toBeGreaterThan(10);
    },
    240_000,
  );
});
