import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDestination } from '@dsyncd/core';
import { type ByteLink, readLine } from '@dsyncd/protocol';
import { describe, expect, it } from 'vitest';
import { createPeer, type Peer, type PeerSettings, type SshSettings } from '../src/index.ts';
import {
  failureOf,
  fresh,
  isAlive,
  onCleanup,
  scratchFolder,
  shout,
  until,
  user,
} from './support/parties.ts';
import { makeKey, type Sshd, startSshd } from './support/sshd.ts';

/** Upper-cases lines until `bye`, in the shell of the other host. */
const shouting = `while read -r line; do echo "$line" | tr a-z A-Z; [ "$line" = bye ] && exit 0; done`;

let knownHostsCount = 0;

function knownHosts(
  sshd: Sshd,
  text = sshd.hostKeys.map((key) => `[127.0.0.1]:${sshd.port} ${key}\n`).join(''),
) {
  const file = join(sshd.folder, `known_hosts-${++knownHostsCount}`);
  writeFileSync(file, text);
  return file;
}

function peerOf(
  sshd: Sshd,
  ssh: Partial<SshSettings> = {},
  settings: Partial<PeerSettings> = {},
  kind: 'remote' | 'remoteprefix' = 'remote',
): Peer {
  const destination = parseDestination(`${kind}:${sshd.login}@127.0.0.1:${sshd.port}`, { doveadmPort: 1 });
  const peer = createPeer(destination, {
    ssh: { keyFile: sshd.keyFile, knownHostsFiles: [knownHosts(sshd)], command: shouting, ...ssh },
    ...settings,
  });
  onCleanup(() => peer.close());
  return peer;
}

const connections = (sshd: Sshd): number => sshd.log().split('Accepted publickey').length - 1;

async function readAll(link: ByteLink): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = await link.read();
    if (chunk === undefined) return Buffer.concat(chunks).toString();
    chunks.push(chunk);
  }
}

describe('a sync over SSH', () => {
  it('runs the command, several at once on one kept connection', async () => {
    const sshd = await startSshd();
    const peer = peerOf(sshd);
    const syncs = await Promise.all([1, 2, 3].map(() => peer.startSync(user, fresh())));
    for (const sync of syncs) expect(await shout(sync, 'hello')).toBe('HELLO');
    for (const sync of syncs) sync.release(false);
    const later = await peer.startSync(user, fresh());
    expect(await shout(later, 'bye')).toBe('BYE');
    expect(await later.read()).toBeUndefined();
    later.release(true);
    expect(connections(sshd)).toBe(1);
  });

  it('opens a further connection when one has all the channels that it may have', async () => {
    const sshd = await startSshd();
    const peer = peerOf(sshd);
    const syncs = await Promise.all(Array.from({ length: 11 }, () => peer.startSync(user, fresh())));
    for (const sync of syncs) expect(await shout(sync, 'x')).toBe('X');
    expect(connections(sshd)).toBe(2);
    for (const sync of syncs) sync.release(false);
  });

  it('finds out that the peer allows fewer sessions, and gets by', async () => {
    const sshd = await startSshd({ maxSessions: 2 });
    const peer = peerOf(sshd);
    const syncs = await Promise.all(Array.from({ length: 5 }, () => peer.startSync(user, fresh())));
    for (const sync of syncs) expect(await shout(sync, 'x')).toBe('X');
    for (const sync of syncs) sync.release(false);
  });

  it('notices that the kept connection is gone, and makes another', async () => {
    const sshd = await startSshd();
    const peer = peerOf(sshd, { command: 'echo $PPID; cat' });
    const first = await peer.startSync(user, fresh());
    const sessionPid = Number(await readLine(first, 100));
    process.kill(sessionPid, 'SIGKILL');
    const failure = await failureOf(first.read());
    expect([failure.outcome, failure.message.includes('broke')]).toEqual(['transient', true]);
    first.release(false);
    const second = await peer.startSync(user, fresh());
    expect(Number(await readLine(second, 100))).not.toBe(sessionPid);
    second.release(false);
    expect(connections(sshd)).toBe(2);
  });

  it('gives the user name to the shell as one word, whatever is in it', async () => {
    const sshd = await startSshd();
    const odd = `o'brien; touch "$HOME" \`id\` $(id) & x@x.test` as typeof user;
    const peer = peerOf(sshd, { command: `printf '%s|' start %{user} end` });
    const sync = await peer.startSync(odd, fresh());
    expect(await readAll(sync)).toBe(`start|${odd}|end|`);
    sync.release(false);
  });

  it.each([
    ['remote', "dsync-server --stdio --user='o'\\''brien@x.test'"],
    ['remoteprefix', 'dsync-server --stdio'],
  ] as const)('by default runs dsync-server, for %s:', async (kind, command) => {
    const file = join(scratchFolder(), 'shell');
    writeFileSync(file, '#!/bin/sh\nprintf "%s\\n" "$SSH_ORIGINAL_COMMAND"; cat\n', { mode: 0o755 });
    const sshd = await startSshd({ forceCommand: file });
    const destination = parseDestination(`${kind}:${sshd.login}@127.0.0.1:${sshd.port}`, { doveadmPort: 1 });
    const ssh = { keyFile: sshd.keyFile, knownHostsFiles: [knownHosts(sshd)] };
    const peer = createPeer(destination, { ssh });
    onCleanup(() => peer.close());
    const sync = await peer.startSync("o'brien@x.test" as typeof user, fresh());
    expect(await readLine(sync, 1000)).toBe(command);
    sync.release(false);
  });

  it('sends the user name as the first line for remoteprefix:', async () => {
    const sshd = await startSshd();
    const peer = peerOf(sshd, { command: `read -r who; echo "for $who"; cat` }, {}, 'remoteprefix');
    const sync = await peer.startSync(user, fresh());
    await sync.write('first line of the stream\n');
    expect(await readLine(sync, 100)).toBe(`for ${user}`);
    expect(await readLine(sync, 100)).toBe('first line of the stream');
    sync.release(false);
  });

  it.each([
    [67, 'nouser'],
    [75, 'transient'],
    [80, 'busy'],
    [81, 'noreplicate'],
    [127, 'operator'],
  ] as const)('tells exit status %i as %s, with what the command said', async (status, outcome) => {
    const sshd = await startSshd();
    const peer = peerOf(sshd, { command: `echo 'no such thing' >&2; exit ${status}` });
    const sync = await peer.startSync(user, fresh());
    const failure = await failureOf(sync.read());
    expect(failure.outcome).toBe(outcome);
    expect(failure.message).toContain('no such thing');
    sync.release(false);
  });

  it('ends at once when aborted, and frees the channel', async () => {
    const sshd = await startSshd();
    const peer = peerOf(sshd, { command: 'echo $$; exec cat' });
    const abort = new AbortController();
    const sync = await peer.startSync(user, abort.signal);
    const pid = Number(await readLine(sync, 100));
    const waiting = failureOf(sync.read());
    abort.abort(new Error('too slow'));
    expect((await waiting).message).toContain('too slow');
    sync.release(false);
    await until('the remote command is gone', () => !isAlive(pid));
    const next = await peer.startSync(user, fresh());
    expect(Number(await readLine(next, 100))).toBeGreaterThan(0);
    next.release(false);
    expect(connections(sshd)).toBe(1);
  });

  it('carries a large stream both ways at once', async () => {
    const sshd = await startSshd();
    const peer = peerOf(sshd, { command: 'cat' });
    const sync = await peer.startSync(user, fresh());
    const block = Buffer.alloc(64 * 1024, 'x');
    const blocks = 320;
    const sending = (async () => {
      for (let count = 0; count < blocks; count++) await sync.write(block);
    })();
    let received = 0;
    while (received < blocks * block.length) {
      const chunk = await sync.read();
      if (chunk === undefined) break;
      received += chunk.length;
    }
    await sending;
    expect(received).toBe(blocks * block.length);
    sync.release(false);
  });
});

describe('the host key', () => {
  it('that is not known is refused with the way to add it', async () => {
    const sshd = await startSshd();
    const file = knownHosts(sshd, '# nothing\n');
    const failure = await failureOf(peerOf(sshd, { knownHostsFiles: [file] }).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_SSH_HOST_KEY', 'operator']);
    expect(failure.hint).toContain(`ssh-keyscan -p ${sshd.port} 127.0.0.1 >> ${file}`);
  });

  it('that has changed is refused with the file, the line and what to do', async () => {
    const sshd = await startSshd();
    const other = makeKey(join(sshd.folder, 'other'));
    const file = knownHosts(sshd, `# comment\n[127.0.0.1]:${sshd.port} ${other}\n`);
    const failure = await failureOf(peerOf(sshd, { knownHostsFiles: [file] }).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_SSH_HOST_KEY', 'operator']);
    expect(failure.message).toContain(`${file} line 2`);
    expect(failure.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}' -f ${file}`);
  });

  it('that is revoked is refused', async () => {
    const sshd = await startSshd();
    const name = `[127.0.0.1]:${sshd.port}`;
    const file = knownHosts(sshd, `@revoked * ${sshd.hostKeys[0]}\n${name} ${sshd.hostKeys[0]}\n`);
    const failure = await failureOf(peerOf(sshd, { knownHostsFiles: [file] }).startSync(user, fresh()));
    expect(failure.message).toContain('revoked');
  });

  it('is asked for in the kind that is known', async () => {
    const sshd = await startSshd({ hostKeyTypes: ['ed25519', 'rsa', 'ecdsa'] });
    const rsa = sshd.hostKeys.find((key) => key.startsWith('ssh-rsa'));
    const file = knownHosts(sshd, `[127.0.0.1]:${sshd.port} ${rsa}\n`);
    const sync = await peerOf(sshd, { knownHostsFiles: [file] }).startSync(user, fresh());
    expect(await shout(sync, 'x')).toBe('X');
    sync.release(false);
  });
});

describe('the login by SSH', () => {
  it('with a key that the peer does not know needs a person', async () => {
    const sshd = await startSshd();
    const keyFile = join(scratchFolder(), 'pending');
    makeKey(keyFile);
    const failure = await failureOf(peerOf(sshd, { keyFile }).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_SSH_LOGIN', 'operator']);
    expect(failure.hint).toContain('authorized_keys');
  });

  it.each([
    ['missing', undefined],
    ['damaged', 'not a key\n'],
  ])('with a %s key file needs a person and names the file', async (_, content) => {
    const sshd = await startSshd();
    const keyFile = join(scratchFolder(), 'key');
    if (content !== undefined) writeFileSync(keyFile, content);
    const failure = await failureOf(peerOf(sshd, { keyFile }).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_SSH_KEY', 'operator']);
    expect(failure.message).toContain(keyFile);
  });

  it('where no one listens is worth another try', async () => {
    const sshd = await startSshd();
    await sshd.stop();
    const failure = await failureOf(peerOf(sshd).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_CONNECT', 'transient']);
  });
});
