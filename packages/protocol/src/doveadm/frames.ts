/**
 * How a doveadm server sends answers and log lines side by side: frames of one byte channel (0 data,
 * `L` log), four bytes length (big-endian) and the payload. A log line begins with one byte severity.
 */

import { DsyncdError } from '@dsyncd/core';

export interface FramePart {
  readonly channel: 'data' | 'log';
  readonly bytes: Uint8Array;
}

const headerBytes = 5;
const frameBytesMax = 64 * 1024 * 1024;
const logChannel = 0x4c;

/** Takes frames apart; a payload is handed on as it comes, so nothing but a header is ever held. */
export class FrameReader {
  #header = Buffer.alloc(0);
  #channel: FramePart['channel'] = 'data';
  #left = 0;

  /** @throws {DsyncdError} `DSYNCD_DOVEADM_ANSWER` (transient) for what is no frame. */
  push(chunk: Uint8Array): FramePart[] {
    const parts: FramePart[] = [];
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#left === 0) {
        rest = this.#readHeader(rest);
        continue;
      }
      const bytes = rest.subarray(0, this.#left);
      parts.push({ channel: this.#channel, bytes });
      this.#left -= bytes.length;
      rest = rest.subarray(bytes.length);
    }
    return parts;
  }

  #readHeader(bytes: Uint8Array): Uint8Array {
    const missing = headerBytes - this.#header.length;
    this.#header = Buffer.concat([this.#header, bytes.subarray(0, missing)]);
    if (this.#header.length === headerBytes) {
      const channel = this.#header.readUInt8(0);
      const length = this.#header.readUInt32BE(1);
      if ((channel !== 0 && channel !== logChannel) || length > frameBytesMax) throw notFramed();
      this.#channel = channel === 0 ? 'data' : 'log';
      this.#left = length;
      this.#header = Buffer.alloc(0);
    }
    return bytes.subarray(missing);
  }
}

const notFramed = (): DsyncdError =>
  new DsyncdError('DSYNCD_DOVEADM_ANSWER', 'Dovecot sends something that is no frame of its protocol', {
    outcome: 'transient',
    hint: 'check that doveadm_socket_path is that of the doveadm service',
  });

const severities = ['debug', 'info', 'warning', 'error', 'error', 'error'] as const;

export interface DoveadmLogLine {
  readonly severity: 'debug' | 'info' | 'warning' | 'error';
  /** Without control characters; cut to {@link logLineCharactersMax}. */
  readonly text: string;
}

export const logLinesMax = 100;
export const logLineCharactersMax = 1000;
const partialBytesMax = 64 * 1024;

/** The log lines of one command; the first {@link logLinesMax} are kept, as the first error is the cause. */
export class DoveadmLog {
  readonly #lines: DoveadmLogLine[] = [];
  #partial = Buffer.alloc(0);

  get lines(): readonly DoveadmLogLine[] {
    return this.#lines;
  }

  push(bytes: Uint8Array): void {
    let rest = Buffer.concat([this.#partial, bytes]);
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      this.#add(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
    }
    this.#partial = Buffer.from(rest.subarray(0, partialBytesMax));
  }

  #add(line: Buffer): void {
    const severity = severities[(line[0] ?? 0) - 1];
    if (severity === undefined || this.#lines.length >= logLinesMax) return;
    const text = line
      .toString('utf8', 1, 4 * logLineCharactersMax)
      .replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')
      .slice(0, logLineCharactersMax);
    this.#lines.push({ severity, text });
  }
}
