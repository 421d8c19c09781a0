import { execFile, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { limits } from '@dsyncd/core';
import type { UnixListener } from '@dsyncd/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listenDoveadm } from '../src/index.ts';
import { ann, ReplicatorBench } from './replicator-bench.ts';

const version = 'VERSION\treplicator-doveadm-client\t1\t0\n';
const greeting = 'VERSION\treplicator-doveadm-server\t1\t3\n';

let folder = '';
let path = '';
let server: UnixListener;
let bench: ReplicatorBench;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dsyncd-doveadm-'));
  path = join(folder, 'replicator-doveadm');
  bench = new ReplicatorBench();
  server = await listenDoveadm({ ...bench.serviceOptions, path, idleMsMax: 400 });
});

afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** Sends the text, ends our side, and answers all that came back until the server ended its own. */
async function talk(text: string | Buffer, end = true): Promise<string> {
  const socket = connect(path);
  let answer = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => {
    answer += chunk;
  });
  // The server may hang up on us while we still write.
  socket.on('error', () => {});
  if (end) socket.end(text);
  else socket.write(text);
  await once(socket, 'close');
  return answer;
}

describe('listenDoveadm', () => {
  it('greets and answers command after command', async () =>
    expect(await talk(`${version}REPLICATE\tlow\t\t${ann}\nREMOVE\tbob\n`)).toBe(
      `${greeting}+1\n-User not found\n`,
    ));

  it('hears out a dsync that tells of its end and is gone before we have seen it', async () => {
    const client = `require('net').connect(process.argv[1]).write(process.argv[2], () => process.exit())`;
    // Our event loop stands still until the client has ended.
    const { status } = spawnSync(process.execPath, ['-e', client, path, `${version}NOTIFY\tzoe\tf\tSTATE\n`]);
    expect(status).toBe(0);
    const known: string[] = [];
    await expect
      .poll(async () => {
        for await (const { user } of bench.queue.userStatus('default', 'zoe')) known.push(user);
        return known[0];
      })
      .toBe('zoe');
  });

  it('greets a client that waits for it', async () => {
    const socket = connect(path);
    const [first] = (await once(socket.setEncoding('utf8'), 'data')) as [string];
    socket.destroy();
    expect(first).toBe(greeting);
  });

  it('understands escaped fields and lines that come in pieces', async () => {
    const socket = connect(path);
    await once(socket, 'connect');
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    for (const byte of `${version}REMOVE\ta\u0001tb\n`) if (!socket.write(byte)) await once(socket, 'drain');
    socket.end();
    await once(socket, 'close');
    expect(answer).toContain('-user name "a\\u0001tb" has a control character'.replace('\\u0001t', '\\t'));
  });

  it('is for its owner only', async () => expect((await stat(path)).mode & 0o777).toBe(0o600));

  it.each(['HELLO\n', 'VERSION\treplicator-doveadm-client\t2\t0\n', 'VERSION\tother\t1\t0\n'])(
    'hangs up on a client that introduces itself as %j',
    async (text) => expect(await talk(`${text}STATUS\n`)).toBe(greeting),
  );

  it('hangs up after a command that it does not understand', async () =>
    expect(await talk(`${version}FOO\nSTATUS\n`)).toBe(greeting));

  it('takes a line of the greatest length and hangs up on one byte more', async () => {
    const command = 'STATUS\t';
    const longest = `${command}${'x'.repeat(limits.lineBytesMax - command.length)}`;
    expect(await talk(`${version}${longest}\n`)).toBe(`${greeting}\n`);
    expect(await talk(`${version}${longest}x\n`)).toBe(greeting);
    expect(await talk(`${version}${longest}x`)).toBe(greeting);
  });

  it('disconnects a client that sends nothing', async () =>
    expect(await talk(version, false)).toBe(greeting));

  it('serves a long list to a client that reads slowly', async () => {
    const users = Array.from({ length: 20_000 }, (_, index) => ({
      user: `u${index}@example.com` as typeof ann,
    }));
    await bench.queue.add(
      'default',
      users.map(({ user }) => user),
    );
    const answer = await talk(`${version}STATUS\t*\n`);
    expect(answer.split('\n')).toHaveLength(users.length + 3);
  });
});

const hasDoveadm = existsSync('/usr/bin/doveadm');

describe.skipIf(!hasDoveadm)('stock doveadm of Dovecot 2.3', () => {
  const doveadm = async (...args: readonly string[]): Promise<string> => {
    const conf = join(folder, 'dovecot.conf');
    await writeFile(conf, `base_dir = ${folder}\nlog_path = /dev/null\nssl = no\n`);
    // Not execFileSync: the server that it talks to lives in this process.
    return new Promise((resolve, reject) =>
      execFile('doveadm', ['-c', conf, 'replicator', ...args], (error, stdout) =>
        error ? reject(error) : resolve(stdout),
      ),
    );
  };

  it('replicates, lists and removes', async () => {
    expect(await doveadm('replicate', '-p', 'high', ann)).toContain('1 users updated');
    expect(await doveadm('status')).toMatch(/Queued 'high' requests +2/);
    expect(await doveadm('status', '*')).toMatch(/ann@example.com +high +- +- +- +-/);
    expect(await doveadm('dsync-status')).toContain('Not connected');
    await doveadm('add', '*@example.com');
    await doveadm('remove', ann);
    await expect(doveadm('remove', ann)).rejects.toThrow();
    expect(await doveadm('status')).toMatch(/Total number of known users +1/);
  });
});
