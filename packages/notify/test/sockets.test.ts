import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@dsyncd/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { listenNotifySocket, listenReplicatorSocket, type NotifyListener } from '../src/index.ts';
import { waitersPerConnectionMax } from '../src/listeners/sockets.ts';
import { closeAfterEach, RecordingSink, until } from './recording-sink.ts';

const closeLater = closeAfterEach();
let path: string;
let sink: RecordingSink;

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sock-'));
  closeLater(() => rm(folder, { recursive: true }));
  path = join(folder, 'socket');
  sink = new RecordingSink();
});

const start = async (listen: typeof listenNotifySocket): Promise<NotifyListener> => {
  const listener = await listen(path, { sink, clock: systemClock, logger: silentLogger });
  closeLater(() => listener.close());
  return listener;
};

class Client {
  received = '';
  readonly socket: Socket;
  constructor() {
    this.socket = connect(path).setEncoding('utf8');
    this.socket.on('data', (text: string) => {
      this.received += text;
    });
    this.socket.on('error', () => {});
    closeLater(() => this.socket.destroy());
  }
  send(text: string): this {
    this.socket.write(text);
    return this;
  }
}

describe('replication-notify', () => {
  test('takes low and high without an answer, and answers syncs in their order', async () => {
    await start(listenNotifySocket);
    sink.answer = (user) => user !== 'bad';
    const client = new Client().send('a\tlow\ngood\tsync\nbad\tsync\nb\thigh\ngood\tsync\n');
    await until('three answers', () => client.received === '+\n-\n+\n');
    await until('two requests', () => sink.requests.length === 2);
    expect(sink.users()).toEqual(['a', 'b']);
  });

  test('answers what was asked before the client closed its side', async () => {
    await start(listenNotifySocket);
    const release = sink.hold();
    const client = new Client();
    client.socket.end('u\tsync\n');
    await until('the waiter', () => sink.waiters.length === 1);
    release();
    await once(client.socket, 'close');
    expect(client.received).toBe('+\n');
  });

  test('waiters are let go when the listener closes', async () => {
    const listener = await start(listenNotifySocket);
    sink.hold();
    new Client().send('u\tsync\n');
    await until('the waiter', () => sink.waiters.length === 1);
    await listener.close();
    await until('it was let go', () => sink.abortedWaiters === 1);
  });

  test('a client with too many open requests is cut off', async () => {
    await start(listenNotifySocket);
    sink.hold();
    const modest = new Client().send('u\tsync\n'.repeat(waitersPerConnectionMax));
    await until('all waiters', () => sink.waiters.length === waitersPerConnectionMax);
    expect(modest.socket.destroyed).toBe(false);
    const greedy = new Client().send('u\tsync\n'.repeat(waitersPerConnectionMax + 1));
    await once(greedy.socket, 'close');
    expect(modest.socket.destroyed).toBe(false);
  });

  test('the socket has its mode, and is gone after close', async () => {
    const listener = await start(listenNotifySocket);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    await listener.close();
    expect(existsSync(path)).toBe(false);
  });

  test('takes over the socket of a killed process, but not of a living one', async () => {
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`;
    const other = spawn(process.execPath, ['-e', script]);
    await once(other.stdout, 'data');
    await expect(start(listenNotifySocket)).rejects.toMatchObject({ code: 'DSYNCD_SOCKET_IN_USE' });
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(existsSync(path)).toBe(true);
    await start(listenNotifySocket);
    new Client().send('u\tlow\n');
    await until('served', () => sink.requests.length === 1);
  });

  test('leaves a file alone that is no socket', async () => {
    writeFileSync(path, 'precious');
    await expect(start(listenNotifySocket)).rejects.toMatchObject({ code: 'DSYNCD_SOCKET' });
    expect(existsSync(path)).toBe(true);
  });
});

describe('replicator', () => {
  const greeting = 'VERSION\treplicator-notify\t1\t0\n';

  test('answers syncs by their ID', async () => {
    await start(listenReplicatorSocket);
    sink.answer = (user) => user !== 'bad';
    const client = new Client().send(`${greeting}U\ta\tlow\nU\tgood\tsync\t7\nU\tbad\tsync\t8\nU\tb\tsync\n`);
    await until('both answers', () => client.received.length === 8);
    expect(client.received.split('\n').sort()).toEqual(['', '+\t7', '-\t8']);
    await until('the others', () => sink.requests.length === 2);
    expect(sink.requests).toEqual([
      { user: 'a', priority: 'low' },
      { user: 'b', priority: 'sync' },
    ]);
  });

  test('closes a connection that greets otherwise', async () => {
    await start(listenReplicatorSocket);
    const client = new Client().send('GET / HTTP/1.1\r\n');
    await once(client.socket, 'close');
    expect(sink.requests).toEqual([]);
  });
});

test('the port of a busy path is told apart from a stale one by asking', async () => {
  const server = createServer().listen(path);
  await once(server, 'listening');
  closeLater(() => server.close());
  await expect(start(listenNotifySocket)).rejects.toThrow(path);
});
