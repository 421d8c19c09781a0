import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import { compareSnapshots, type DemoResult, type Host, snapshotUser, until } from '@dsyncd/testkit';
import { afterAll, expect } from 'vitest';

/** Of the test file that runs; undefined while it has not asked for {@link cleanUpAfterTests}. */
let cleanups: (() => unknown)[] | undefined;

/**
 * To be called at the top of each test file that starts something: ends it after the tests of the file. A hook made here at
 * import would be that of the first file alone, where files share what they import.
 */
export function cleanUpAfterTests(): void {
  const own: (() => unknown)[] = [];
  cleanups = own;
  afterAll(async () => {
    cleanups = undefined;
    for (const task of own.splice(0).reverse()) await task();
  });
}

/** Undone after the tests of the file, last first. */
export const onCleanup = (task: () => unknown): void => {
  if (cleanups === undefined) throw new Error('call cleanUpAfterTests() at the top of the test file');
  cleanups.push(task);
};

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-e2e-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the hosts, and ends them after the tests of the file. */
export async function startHosts(...hosts: readonly Host[]): Promise<void> {
  onCleanup(() => Promise.all(hosts.map((host) => host.stop())));
  await Promise.all(hosts.map((host) => host.start()));
}

export const mailOf = (subject: string): string =>
  `From: a@example.com\r\nTo: b@example.com\r\nSubject: ${subject}\r\n\r\nText of ${subject}\r\n`;

/** Delivers a mail by LMTP, which must be accepted. */
export async function deliver(host: Host, user: string, subject: string): Promise<void> {
  expect(await host.deliver(user, mailOf(subject))).toMatch(/^250 /);
}

/** Mails of a user's INBOX on a host; 0 when the host does not know the user. */
export async function countInbox(host: Host, user: string): Promise<number> {
  const store = host.openStore();
  try {
    const mail = await store.open(parseUserName(user));
    try {
      const { nodes } = await mail.tree();
      return nodes.find(({ path }) => path.join('/') === 'INBOX')?.mailbox?.messagesCount ?? 0;
    } finally {
      await mail.close();
    }
  } catch (error) {
    if (error instanceof Error && 'outcome' in error && error.outcome === 'nouser') return 0;
    throw error;
  } finally {
    await store.close();
  }
}

export async function untilInbox(host: Host, user: string, count: number): Promise<void> {
  await until(
    `${count} mails of ${user} on ${host.hostname}`,
    async () => (await countInbox(host, user)) === count,
    { everyMs: 50 },
  );
}

/** Waits until all hosts have the same mail of a user, bodies included. */
export async function untilEqual(hosts: readonly Host[], user: string): Promise<void> {
  const stores = hosts.map((host) => host.openStore());
  const name = parseUserName(user);
  const isEqual = async (): Promise<boolean> => {
    const [first, ...others] = await Promise.all(
      stores.map((store) => snapshotUser(store, name, { withBodies: true }).catch(() => undefined)),
    );
    return others.every(
      (other) =>
        first !== undefined &&
        other !== undefined &&
        compareSnapshots(user, first, other).every((mailbox) => mailbox.isEqual),
    );
  };
  try {
    await until(`${user} is equal on all hosts`, isEqual, { everyMs: 100, timeoutMs: 25_000 });
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

/** What a scenario may not leave behind; {@link noFlaws} when it is as it should be. */
export const flawsOf = ({ compared, damaged, lost, doubled }: DemoResult): object => ({
  different: compared.filter((mailbox) => !mailbox.isEqual),
  damaged,
  lost,
  doubled,
});
export const noFlaws = { different: [], damaged: [], lost: [], doubled: [] };

/** A user whom `dsyncadm status --json` names. */
export interface BehindUser {
  readonly username: string;
  readonly channel: string;
  readonly state: string;
  readonly code: string | null;
  readonly why: string;
  readonly remedy: string | null;
}

export interface Status {
  readonly healthy: boolean;
  readonly channels: readonly {
    readonly channel: string;
    readonly breaker: { readonly state: string; readonly reason: string | null };
  }[];
  readonly behind: readonly BehindUser[];
}

export async function statusOf(host: Host): Promise<Status> {
  const { stdout, stderr } = await host.admin('status', '--json');
  expect(stderr).toBe('');
  return JSON.parse(stdout) as Status;
}

/** Waits until the status names the user with that error, and answers it. */
export async function untilFailed(host: Host, user: string, code: string): Promise<BehindUser> {
  let found: BehindUser | undefined;
  await until(`status of ${host.hostname} shows ${code} for ${user}`, async () => {
    found = (await statusOf(host)).behind.find((each) => each.username === user && each.code === code);
    return found !== undefined;
  });
  if (found === undefined) throw new Error('not reached');
  return found;
}

export interface LogLine {
  readonly level?: string;
  readonly msg?: string;
  readonly user?: string;
  readonly channel?: string;
  readonly code?: string;
  readonly reason?: string;
  readonly hint?: string;
  readonly [field: string]: unknown;
}

export const logOf = (host: Host, program: 'dsyncd' | 'dsync-server' | 'dsync-lmtp'): readonly LogLine[] =>
  host.program(program).log;

/** Lines of dsyncd that tell of a failed sync of the user. */
export const failuresOf = (host: Host, user: string): readonly LogLine[] =>
  logOf(host, 'dsyncd').filter((line) => line.msg === 'sync failed' && line.user === user);
