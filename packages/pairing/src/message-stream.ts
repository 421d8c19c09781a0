import type { TLSSocket } from 'node:tls';
import { DsyncdError } from '@dsyncd/core';
import {
  badAnswer,
  decodeMessage,
  encodeMessage,
  type Message,
  type MessageOf,
  type MessageType,
  messageBytesMax,
} from './messages.ts';

/** Messages over one TLS connection, a line each, with a limit on what an end may send before it is read. */
export class MessageStream {
  readonly #socket: TLSSocket;
  #buffer = Buffer.alloc(0);
  #error: Error | undefined;
  #wake: (() => void) | undefined;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', (error) => this.#end(lost(error)));
    socket.on('close', () => this.#end(lost(undefined)));
  }

  send(message: Message): void {
    this.#socket.write(encodeMessage(message));
  }

  /**
   * The next message, which must be of this type.
   * @param timeoutMs - how long to wait for it
   * @throws {DsyncdError} `DSYNCD_PAIR_LOST` when the connection ends or nothing comes in time, `DSYNCD_PAIR_ANSWER` when something
   *   else comes, `DSYNCD_PAIR_REFUSED` with the reason of the other end when that gave up.
   */
  async receive<T extends MessageType>(type: T, timeoutMs: number): Promise<MessageOf<T>> {
    const message = decodeMessage(await this.#line(timeoutMs));
    if (message.type === 'failed')
      throw new DsyncdError('DSYNCD_PAIR_REFUSED', `the other host gave up: ${message.reason}`, {
        outcome: 'operator',
      });
    if (message.type !== type) throw badAnswer(`the other host sent ${message.type} where ${type} was due`);
    return message as MessageOf<T>;
  }

  /** Says why this end gives up, and ends the connection; what waits is sent first. */
  fail(reason: string): void {
    if (this.#socket.writable)
      this.#socket.end(encodeMessage({ type: 'failed', reason: reason.slice(0, 500) }));
    this.#socket.resume();
    const timer = setTimeout(() => this.#socket.destroy(), lingerMs);
    timer.unref();
  }

  /** Sends what waits, then ends the connection. */
  async end(): Promise<void> {
    if (this.#socket.destroyed) return;
    await new Promise<void>((resolve) => this.#socket.end(resolve));
    this.#socket.destroy();
  }

  async #line(timeoutMs: number): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const index = this.#buffer.indexOf(10);
      if (index >= 0) {
        const line = this.#buffer.subarray(0, index).toString('utf8');
        this.#buffer = this.#buffer.subarray(index + 1);
        return line;
      }
      if (this.#error !== undefined) throw this.#error;
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) throw lost(undefined, 'nothing came from the other host in time');
      await this.#wait(leftMs);
    }
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  #take(bytes: Buffer): void {
    if (this.#error !== undefined) return;
    this.#buffer = Buffer.concat([this.#buffer, bytes]);
    if (this.#buffer.length > messageBytesMax) {
      this.#buffer = Buffer.alloc(0);
      this.#end(badAnswer('the other end sends more than a message can have'));
      this.#socket.destroy();
      return;
    }
    this.#wake?.();
  }

  #end(error: Error): void {
    this.#error ??= error;
    this.#wake?.();
  }
}

/** A peer that reads nothing is left after this. */
const lingerMs = 5_000;

const lost = (cause: unknown, message = 'the connection to the other host broke'): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_LOST', message, {
    outcome: 'transient',
    hint: 'begin again on both hosts: `dsyncadm pair init` there or here, then `dsyncadm pair join`',
    cause,
  });
