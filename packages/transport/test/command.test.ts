import { fileURLToPath } from 'node:url';
import { type ByteLink, readLine } from '@dsyncd/protocol';
import { describe, expect, it } from 'vitest';
import { createPeer, exitStatusOf, type PeerSettings } from '../src/index.ts';
import { failureOf, fresh, isAlive, onCleanup, shout, until, user } from './support/parties.ts';

function peerOf(
  command: string,
  args: readonly string[],
  settings: PeerSettings = {},
  sendsUserName = false,
) {
  const peer = createPeer({ kind: 'command', command, args, sendsUserName, name: 'the test' }, settings);
  onCleanup(() => peer.close());
  return peer;
}

const shell = (script: string, ...args: string[]) => peerOf('sh', ['-c', script, 'sh', ...args]);
const pidOf = async (link: ByteLink): Promise<number> => Number(await readLine(link, 100));

describe('a child process as peer', () => {
  it('gets the user name in its arguments, and speaks by stdin and stdout', async () => {
    const peer = shell('echo "$1"; cat', '<%{user}>');
    const sync = await peer.startSync(user, fresh());
    expect(await readLine(sync, 100)).toBe(`<${user}>`);
    expect(await shout(sync, 'echo')).toBe('echo');
    sync.release(true);
  });

  it('gets the user name as its first line when it is to', async () => {
    const sync = await peerOf('cat', [], {}, true).startSync(user, fresh());
    expect(await readLine(sync, 100)).toBe(user);
    sync.release(false);
  });

  it.each(['nouser', 'noreplicate', 'busy', 'transient', 'operator'] as const)(
    'tells %s by its exit status, and why on stderr',
    async (outcome) => {
      const sync = await shell(`echo 'the reason' >&2; exit ${exitStatusOf[outcome]}`).startSync(
        user,
        fresh(),
      );
      const failure = await failureOf(sync.read());
      expect(failure.outcome).toBe(outcome);
      expect(failure.message).toContain('the reason');
      sync.release(false);
    },
  );

  it('is read to its end before its exit status counts', async () => {
    const sync = await shell('echo first; exit 75').startSync(user, fresh());
    expect(await readLine(sync, 100)).toBe('first');
    expect((await failureOf(sync.read())).outcome).toBe('transient');
    sync.release(false);
  });

  it('that is killed by a signal is transient', async () => {
    const sync = await shell('kill -9 $$').startSync(user, fresh());
    expect((await failureOf(sync.read())).message).toContain('SIGKILL');
    sync.release(false);
  });

  it('tells a writer why it no longer reads', async () => {
    const sync = await shell('exec <&-; echo closed; echo gone >&2; exit 67').startSync(user, fresh());
    const failure = await failureOf(
      (async () => {
        for (;;) await sync.write(Buffer.alloc(100_000));
      })(),
    );
    expect(failure.outcome).toBe('nouser');
    sync.release(false);
  });

  it('that is not there needs a person', async () => {
    const sync = await peerOf('/nonexistent/dsync-server', []).startSync(user, fresh());
    const failure = await failureOf(sync.read());
    expect(failure.outcome).toBe('operator');
    expect(failure.message).toContain('/nonexistent/dsync-server');
    sync.release(false);
  });

  it('is not left behind when the sync is aborted or the peer closed', async () => {
    const script = 'echo $$; trap "" TERM; cat';
    const peer = shell(script);
    const abort = new AbortController();
    const [aborted, closed] = await Promise.all([
      peer.startSync(user, abort.signal),
      peer.startSync(user, fresh()),
    ]);
    const pids = await Promise.all([pidOf(aborted), pidOf(closed)]);
    abort.abort(new Error('enough'));
    await until('the aborted one is gone', () => !isAlive(pids[0] ?? 0));
    expect(isAlive(pids[1] ?? 0)).toBe(true);
    await peer.close();
    await until('the other one is gone', () => !isAlive(pids[1] ?? 0));
  });

  it('keeps only the end of what it says on stderr', async () => {
    const sync = await shell('yes noise | head -c 100000 >&2; echo end >&2; exit 75').startSync(
      user,
      fresh(),
    );
    const failure = await failureOf(sync.read());
    expect(failure.message.length).toBeLessThan(2200);
    expect(failure.message).toMatch(/end$/);
    sync.release(false);
  });
});

describe('stdioLink', () => {
  const program = fileURLToPath(new URL('support/stdio-shouter.mjs', import.meta.url));
  const shouter = (...args: string[]) => peerOf(process.execPath, [program, ...args]);

  it('is the other end of a child process', async () => {
    const sync = await shouter().startSync(user, fresh());
    expect(await shout(sync, 'hello')).toBe('HELLO');
    sync.release(false);
  });

  it('does not stop the event loop while the peer does not read', async () => {
    const sync = await shouter('flood').startSync(user, fresh());
    expect(await readLine(sync, 9_000_000)).toHaveLength(8 * 1024 * 1024);
    expect(await readLine(sync, 100)).toBe('true');
    sync.release(false);
  });
});
