import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, systemClock } from '@dsyncd/core';
import { AuthClient, DovecotEngine, DovecotUsers, type SyncResult } from '@dsyncd/engine';
import {
  createAuthority,
  Dovecot,
  type DovecotOptions,
  dovecotProblem,
  dovecotVersions,
} from '@dsyncd/testkit';
import { afterEach, describe, expect, test } from 'vitest';

const user = 'ann@example.com';
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** What real Dovecots say must find its row in the table of meanings, in every version. */
describe.each(dovecotVersions)('Dovecot %s gives its reason:', (version) => {
  const problem = dovecotProblem(version);

  async function start(options: Partial<DovecotOptions> = {}): Promise<Dovecot> {
    const dovecot = await Dovecot.start({ version, users: [user], ...options });
    cleanups.push(() => dovecot.stop());
    return dovecot;
  }

  async function sync(from: Dovecot, to: string, lockTimeoutMs = 10_000): Promise<SyncResult> {
    const socket = from.place.doveadmSocket;
    const auth = new AuthClient({
      socketPath: () => join(socket, '..', 'auth-userdb'),
      clock: systemClock,
      answerTimeoutMs: 5_000,
    });
    cleanups.push(() => auth.close());
    const rules = { include: ['*'], exclude: [], uidMin: 0 };
    const engine = new DovecotEngine({
      server: () => ({ destination: { kind: 'unix', path: socket, name: socket } }),
      users: new DovecotUsers({ auth, rules: () => rules, clock: systemClock }),
      channel: () => ({ replica: to, doveadmPort: 1 }),
      commandsMax: () => 1,
      lockTimeoutMs: () => lockTimeoutMs,
      ioTimeoutMs: () => 60_000,
      clock: systemClock,
    });
    const signal = AbortSignal.timeout(25_000);
    return engine.sync({
      user: parseUserName(user),
      channel: 'default',
      type: 'full',
      state: undefined,
      signal,
    });
  }

  const failed = (outcome: string, code: string): object => ({
    outcome,
    failure: { code, hint: expect.stringMatching(/.{20}/), reason: expect.stringMatching(/.{10}/) },
  });

  test.skipIf(problem !== undefined)('wrong secret', async () => {
    const [a, b] = [await start({ secret: 'one' }), await start({ secret: 'other' })];
    expect(await sync(a, b.tcp)).toMatchObject(failed('operator', 'DSYNCD_SECRET'));
  });

  test.skipIf(problem !== undefined)('nothing listens, no such host, something else listens', async () => {
    const a = await start();
    expect(await sync(a, 'tcp:127.0.0.1:1')).toMatchObject(failed('transient', 'DSYNCD_CONNECT'));
    expect(await sync(a, 'tcp:no-such-host.invalid:1')).toMatchObject(failed('transient', 'DSYNCD_CONNECT'));
    expect(await sync(a, `tcp:127.0.0.1:${a.place.imapPort}`)).toMatchObject(
      failed('transient', 'DSYNCD_CONNECT'),
    );
  });

  test.skipIf(problem !== undefined)('the user is missing on the other host', async () => {
    const [a, b] = [await start(), await start({ users: ['bob@example.com'] })];
    expect(await sync(a, b.tcp)).toMatchObject(failed('operator', 'DSYNCD_REMOTE_NO_USER'));
  });

  test.skipIf(problem !== undefined)('another sync holds the lock', async () => {
    const [a, b] = [await start(), await start()];
    expect(await sync(a, b.tcp)).toMatchObject({ outcome: 'ok' });
    const lock = join(a.place.mailFolder, user, '.dovecot-sync.lock');
    const script =
      'import fcntl,sys\nimport os\nf=open(sys.argv[1],"a+")\nos.chmod(sys.argv[1],0o666)\nfcntl.lockf(f,fcntl.LOCK_EX)\nprint("held",flush=True)\nsys.stdin.read()';
    const holder = spawn('python3', ['-c', script, lock]);
    cleanups.push(() => holder.kill());
    await once(holder.stdout, 'data');
    expect(await sync(a, b.tcp, 1_000)).toMatchObject(failed('busy', 'DSYNCD_LOCKED'));
    holder.kill();
    await once(holder, 'exit');
    expect(await sync(a, b.tcp)).toMatchObject({ outcome: 'ok' });
  });

  test.skipIf(problem !== undefined)('a certificate of nobody that we know', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'reasons-'));
    cleanups.push(() => rm(folder, { recursive: true }));
    const [ours, other] = [await authority(folder, 'ours'), await authority(folder, 'other')];
    const b = await start({ certificate: other.issue('127.0.0.1') });
    const a = await start({ certificate: ours.issue('127.0.0.1'), caFile: ours.caFile });
    expect(await sync(a, b.tcps)).toMatchObject(failed('operator', 'DSYNCD_TLS'));
  });

  test.skipIf(problem !== undefined)('ssh cannot log in, or finds no Dovecot there', async () => {
    // A command that has ended before Dovecot 2.3 waits for it is never missed by it, hence the moment.
    for (const [status, outcome] of [
      [255, 'transient'],
      [127, 'operator'],
    ] as const) {
      const script = join(await mkdtemp(join(tmpdir(), 'ssh-')), 'ssh');
      cleanups.push(() => rm(join(script, '..'), { recursive: true }));
      await chmod(join(script, '..'), 0o755);
      await writeFile(script, `#!/bin/sh\nsleep 0.2\nexit ${status}\n`, { mode: 0o755 });
      const a = await start({ settings: [`dsync_remote_cmd = ${script}`] });
      const result = await sync(a, 'remote:vmail@127.0.0.1');
      expect(result).toMatchObject({
        outcome,
        failure: { reason: expect.stringContaining(`error ${status}`) },
      });
    }
  });
});

async function authority(folder: string, name: string): Promise<ReturnType<typeof createAuthority>> {
  await mkdir(join(folder, name));
  await chmod(folder, 0o755);
  return createAuthority(join(folder, name));
}
