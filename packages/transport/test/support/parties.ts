import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DsyncdError, parseUserName, type UserName } from '@dsyncd/core';
import { type ByteLink, readLine } from '@dsyncd/protocol';
import { onTestFinished } from 'vitest';
import type { SyncAnswerer } from '../../src/index.ts';

export const user: UserName = parseUserName('u1@x.test');
/** A signal that never aborts. */
export const fresh = (): AbortSignal => new AbortController().signal;

/** Undone after the test, last first. */
export const onCleanup = (task: () => unknown): void =>
  onTestFinished(async () => {
    await task();
  });

export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-transport-'));
  onCleanup(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A listener that does with each connection what the test wants. */
export async function rawServer(
  onSocket: (socket: Socket) => void,
): Promise<{ port: number; server: Server }> {
  const server = createServer(onSocket);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onCleanup(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, server };
}

/** Speaks a small language instead of dsync: upper-cases lines until `bye`. */
export class ShoutingAnswerer implements SyncAnswerer {
  readonly prepared: string[] = [];
  readonly answered: string[] = [];
  reusable = true;
  refusal: DsyncdError | undefined;

  async prepare(name: UserName): Promise<void> {
    this.prepared.push(name);
    if (this.refusal !== undefined) throw this.refusal;
  }

  async answer(name: UserName, link: ByteLink): Promise<{ readonly reusable: boolean }> {
    this.answered.push(name);
    for (;;) {
      const line = await readLine(link, 10_000);
      if (line === undefined) return { reusable: false };
      if (line === 'die')
        throw new DsyncdError('DSYNCD_SYSTEM', 'the answerer died', { outcome: 'transient' });
      await link.write(`${line.toUpperCase()}\n`);
      if (line === 'bye') return { reusable: this.reusable };
    }
  }
}

/** The client's half of {@link ShoutingAnswerer}. */
export async function shout(link: ByteLink, line: string): Promise<string | undefined> {
  await link.write(`${line}\n`);
  return readLine(link, 10_000);
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<DsyncdError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof DsyncdError) return error;
    throw error;
  }
  throw new Error('did not fail');
}

export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within 10 s: ${what}`);
    await new Promise((wake) => setTimeout(wake, 5));
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
