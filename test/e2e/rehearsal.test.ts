/** `dsyncadm failover rehearse` between two hosts of real processes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPair, type Host, until } from '@dsyncd/testkit';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const canary = 'canary@example.com';

let a: Host;
let b: Host;
let scratch: string;
beforeAll(async () => {
  ({ a, b } = await createPair({
    folder: scratchFolder(),
    settings: ['replication_failure_resync_interval = "1s"'],
  }));
  await startHosts(a, b);
  scratch = scratchFolder();
  await deliver(a, canary, 'first');
  await untilInbox(b, canary, 1);
});

const hookLog = (): string => join(scratch, 'hooks');
const hooksRun = (): string[] =>
  existsSync(hookLog()) ? readFileSync(hookLog(), 'utf8').trim().split('\n') : [];
const hook = (text: string): string => `echo ${text} >> ${hookLog()}`;
const reports = (): string => join(a.folder, 'state', 'rehearsals');

interface Report {
  readonly result: string;
  readonly rpoSeconds: number | null;
  readonly rtoSeconds: number | null;
  readonly reasons: readonly string[];
  readonly file: string;
}

const optionsWith = (more: Readonly<Record<string, string>> = {}): string[] =>
  Object.entries({
    canary,
    timeout: '20',
    lmtp: b.lmtpPath,
    stop: hook('stop'),
    start: hook('start'),
    move: hook('move'),
    back: hook('back'),
    ...more,
  }).flatMap(([name, value]) => [`--${name}`, value]);

async function rehearse(
  more: Readonly<Record<string, string>> = {},
): Promise<{ code: number | null; report: Report }> {
  const { code, stdout, stderr } = await a.admin('failover', 'rehearse', '--json', ...optionsWith(more));
  expect(stdout, stderr).toMatch(/^\{/);
  return { code, report: JSON.parse(stdout) as Report };
}

/** No mailbox of a canary is left on this host. */
async function expectNoCanary(host: Host): Promise<void> {
  await until(`no canary on ${host.hostname}`, async () => {
    const { stdout } = await host.admin('mailbox', 'list', canary);
    return !stdout.includes('dsyncd-rehearsal');
  });
}

afterEach(async () => {
  const { rm } = await import('node:fs/promises');
  await rm(hookLog(), { force: true });
  await expectNoCanary(a);
  await expectNoCanary(b);
});

test('plan says what would happen, and does nothing', async () => {
  const { code, stdout } = await a.admin(
    'failover',
    'plan',
    '--stop',
    hook('stop'),
    '--start',
    hook('start'),
  );
  expect(stdout).toContain(`run: ${hook('stop')}`);
  expect(code, stdout).toBe(0);
  expect(hooksRun()).toEqual([]);
});

test('a rehearsal goes there and back, and leaves a dated report', async () => {
  const { code, report } = await rehearse();
  expect(report).toMatchObject({ result: 'passed', reasons: [] });
  expect(code).toBe(0);
  expect(hooksRun()).toEqual(['stop', 'move', 'back', 'start']);
  expect(report.rtoSeconds).toBeGreaterThan(0);
  expect(report.rpoSeconds).toBeGreaterThanOrEqual(0);
  expect(readFileSync(report.file, 'utf8')).toContain('Rehearsal of a failover: passed');
  expect(readdirSync(reports()).every((name) => /^rehearsal-\d{4}-\d\d-\d\dT/.test(name))).toBe(true);
});

test('a hook that fails in the middle: everything is put back', async () => {
  const { code, report } = await rehearse({ move: `${hook('move')}; exit 7` });
  expect(report.result).toBe('aborted');
  expect(report.reasons.join()).toContain('--move ended with 7');
  expect(code).toBe(2);
  expect(hooksRun()).toEqual(['stop', 'move', 'back', 'start']);
});

test('what cannot be put back is named', async () => {
  const { code, report } = await rehearse({ move: 'exit 7', back: 'exit 8' });
  expect(report.result).toBe('not put back');
  expect(report.reasons.join()).toContain('NOT put back (back)');
  expect(code).toBe(3);
  // What comes after it is put back all the same.
  expect(hooksRun()).toEqual(['stop', 'start']);
});

test.for(['INT', 'TERM'])('SIG%s in the middle of a move: everything is put back', async (signal) => {
  // The command sends the signal to dsyncadm, which is its parent, as Ctrl-C would; then it hangs until it is ended.
  const { code, report } = await rehearse({ move: `${hook('move')}; kill -${signal} $PPID; exec sleep 600` });
  expect(report).toMatchObject({ result: 'aborted', reasons: [`interrupted by SIG${signal}`] });
  expect(code).toBe(2);
  expect(hooksRun()).toEqual(['stop', 'move', 'back', 'start']);
});

test('it refuses while the replica is behind, and touches nothing', async () => {
  await b.program('dsync-server').end('SIGTERM');
  await deliver(a, canary, 'second');
  const { code, report } = await rehearse({ timeout: '3' });
  expect(report.result).toBe('refused');
  expect(report.reasons.join()).toContain('are not on the replica');
  expect(code).toBe(1);
  expect(hooksRun()).toEqual([]);
  await b.startProgram('dsync-server');
  await untilInbox(b, canary, 2);
});

test('a peer that is lost after the move: everything is put back', async () => {
  await until('the pair is ready again', async () => (await a.admin('failover', 'check')).code === 0, {
    timeoutMs: 60_000,
    everyMs: 500,
  });
  const pid = b.program('dsync-server').pid;
  const { code, report } = await rehearse({ move: `${hook('move')}; kill -9 ${pid}`, timeout: '3' });
  expect(report.result).toBe('aborted');
  expect(code).toBe(2);
  expect(hooksRun()).toEqual(['stop', 'move', 'back', 'start']);
  await b.startProgram('dsync-server');
});
