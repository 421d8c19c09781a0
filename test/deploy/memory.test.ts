import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPair, runProgram, until } from '@dsyncd/testkit';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'dsyncd-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const users = 50;

/** Resident memory of a process in MB (of 1024 times 1024 bytes), as README has it. */
const residentMb = (pid: number | undefined): number =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;

it(`dsyncd takes no more memory than README says, with ${users} users`, { timeout: 120_000 }, async () => {
  const { a, b } = await createPair({ folder });
  const hosts = [a, b];
  const allReplicated = (): Promise<void> =>
    until('every user is replicated', async () => {
      const { stdout } = await runProgram('dsyncadm', ['-c', a.configFile, 'replicator', 'status', '*']);
      const rows = stdout.trim().split('\n').slice(1);
      return rows.length === users && rows.every((row) => / none +\S+ +\S+ +[\d:]+ +- /.test(row));
    });
  const memory = (): number => residentMb(a.programs.get('dsyncd')?.pid);
  try {
    await Promise.all(hosts.map((host) => host.start()));
    for (let user = 0; user < users; user++)
      await a.deliver(`user${user}@example.com`, 'Subject: hello\r\n\r\nhello\r\n');
    await allReplicated();
    // Two threads for the mail, each with a JavaScript engine, have come up since.
    expect(memory()).toBeLessThan(160);
    await a.stop();
    await a.start();
    await allReplicated();
    // 90 to 91, and what a run differs from another.
    expect(memory()).toBeLessThan(92);
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
  }
});
