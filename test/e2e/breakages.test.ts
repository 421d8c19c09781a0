/** What breaks where people replicate mail: each must be told by status, check and failover check within a minute, and no longer than it lasts. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type CertificateAuthority, createPair, type Host, until } from '@dsyncd/testkit';
import { beforeAll, expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, onCleanup, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const withinMs = 60_000;
const user = 'ann@example.com';

let a: Host;
let b: Host;
let authority: CertificateAuthority;

beforeAll(async () => {
  const folder = scratchFolder();
  const pair = await createPair({
    folder,
    hasHttp: true,
    settings: ['replication_failure_resync_interval = "1s"'],
    sslSettings: (own) => {
      authority = own;
      return [];
    },
  });
  ({ a, b } = pair);
  await startHosts(a, b);
  await deliver(a, user, 'before');
  await untilInbox(b, user, 1);
  await untilGood();
});

async function untilGood(): Promise<void> {
  let said = '';
  const isGood = async (): Promise<boolean> => {
    const answers = await Promise.all([a.admin('status'), a.admin('check'), a.admin('failover', 'check')]);
    said = answers.map(({ stdout }) => stdout).join('');
    return answers.every(({ code }) => code === 0);
  };
  await until('all is well', isGood, { timeoutMs: withinMs, everyMs: 500 }).catch((error: unknown) => {
    throw new Error(said, { cause: error });
  });
}

async function failoverPage(): Promise<string> {
  const { url, token } = a.http;
  const answer = await fetch(`${url}/failover`, { headers: { authorization: `Bearer ${token}` } });
  return `${answer.status} ${await answer.text()}`;
}

/** Waits until the host says it everywhere, in these words. */
async function untilTold(words: RegExp): Promise<void> {
  let said = '';
  const isTold = async (): Promise<boolean> => {
    const [status, check, failover, page] = await Promise.all([
      a.admin('status'),
      a.admin('check'),
      a.admin('failover', 'check'),
      failoverPage(),
    ]);
    said = [status, check, failover].map(({ code, stdout }) => `${code} ${stdout}`).join('') + page;
    return (
      [status, check].every(({ code, stdout }) => code !== 0 && words.test(stdout)) &&
      failover.code !== 0 &&
      !page.startsWith('200')
    );
  };
  await until(`told: ${words}`, isTold, { timeoutMs: withinMs, everyMs: 500 }).catch((error: unknown) => {
    throw new Error(said, { cause: error });
  });
}

async function restart(host: Host, env: Readonly<Record<string, string>> = {}): Promise<void> {
  const server = host.program('dsync-server');
  await server.end('SIGTERM');
  const seen = server.lines.length;
  server.start(env);
  await server.waitForLog((line) => line.includes('"msg":"ready"'), seen);
}

async function operate(path: string): Promise<void> {
  const { url, token } = a.http;
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  expect(answer.ok, `${path}: ${answer.status}`).toBe(true);
}

interface Breakage {
  readonly words: RegExp;
  breakIt(): Promise<void>;
  mend(): Promise<void>;
}

let count = 1;
/** Something to sync. */
const deliverOne = async (): Promise<void> => {
  await deliver(a, user, `mail ${++count}`);
};

const breakages: Readonly<Record<string, Breakage>> = {
  'the peer is down': {
    words: /127\.0\.0\.1:\d+: nothing listens there/,
    breakIt: async () => void (await b.program('dsync-server').end('SIGKILL')),
    mend: () => b.startProgram('dsync-server'),
  },
  'the peer has another secret': {
    words: /secret/,
    async breakIt() {
      writeFileSync(join(b.folder, 'secret'), 'not that one, but as long\n');
      await restart(b);
    },
    async mend() {
      await b.configure();
      await restart(b);
    },
  },
  'the clock of the peer is five minutes ahead': {
    words: /the other clock is 5 min ahead/,
    // The program lives five minutes later than all others.
    breakIt: () =>
      restart(b, {
        NODE_OPTIONS: `--import ${new URL('support-late-clock.mjs', import.meta.url).href}`,
      }),
    mend: () => restart(b),
  },
  'a certificate has expired': {
    words: /certificate.*expired/,
    async breakIt() {
      authority.issue('127.0.0.1', -1);
      await restart(b);
    },
    async mend() {
      authority.issue('127.0.0.1');
      await restart(b);
      await a.reload('dsyncd');
    },
  },
  'the channel is paused': {
    words: /paused/i,
    breakIt: () => operate('/v1/channels/default/pause'),
    mend: () => operate('/v1/channels/default/resume'),
  },
  'the outage spool is no folder': {
    words: /spool/,
    async breakIt() {
      await rename(a.spoolDir, `${a.spoolDir}.away`);
      writeFileSync(a.spoolDir, '');
    },
    async mend() {
      await rm(a.spoolDir);
      await rename(`${a.spoolDir}.away`, a.spoolDir);
    },
  },
};

test.each(Object.entries(breakages))(
  '%s',
  async (_, { words, breakIt, mend }) => {
    await breakIt();
    await untilTold(words);
    await mend();
    await deliverOne();
    await untilInbox(b, user, count);
    await untilGood();
  },
  180_000,
);

test.skipIf(process.getuid?.() !== 0)(
  'the disk of the replica is full',
  async (context) => {
    const disk = join(b.folder, 'mail', 'full@example.com');
    mkdirSync(disk, { recursive: true });
    if (spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=2m', 'dsyncd-test', disk]).status !== 0)
      context.skip();
    onCleanup(() => spawnSync('/bin/umount', ['-l', disk]));
    fill(join(disk, 'ballast'));
    await deliver(a, 'full@example.com', 'no room there');
    await untilTold(/no (room|space)|disk is full/i);
    rmSync(join(disk, 'ballast'));
    await untilInbox(b, 'full@example.com', 1);
    await untilGood();
  },
  180_000,
);

function fill(file: string): void {
  const handle = openSync(file, 'w');
  try {
    for (;;) writeSync(handle, Buffer.alloc(65_536));
  } catch {
    // Full.
  } finally {
    closeSync(handle);
  }
}
