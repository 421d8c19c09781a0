import { parseUserName } from '@dsyncd/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  DoveadmAnswerReader,
  DoveadmLog,
  encodeSyncCommand,
  encodeUserLookup,
  FrameReader,
  logLineCharactersMax,
  logLinesMax,
  parseAuthAnswer,
  parseDoveadmServerMinor,
  splitTabs,
} from '../src/index.ts';

const frame = (channel: number, payload: Uint8Array): Buffer => {
  const header = Buffer.alloc(5);
  header.writeUInt8(channel, 0);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
};

describe('frames', () => {
  test('come apart alike however they are cut', () => {
    const payload = fc.uint8Array({ maxLength: 40 });
    const frames = fc.array(fc.record({ isLog: fc.boolean(), payload }), { maxLength: 8 });
    fc.assert(
      fc.property(frames, fc.integer({ min: 1, max: 9 }), (all, step) => {
        const bytes = Buffer.concat(all.map(({ isLog, payload }) => frame(isLog ? 0x4c : 0, payload)));
        const reader = new FrameReader();
        const seen: Record<'data' | 'log', Buffer> = { data: Buffer.alloc(0), log: Buffer.alloc(0) };
        for (let from = 0; from < bytes.length; from += step)
          for (const part of reader.push(bytes.subarray(from, from + step)))
            seen[part.channel] = Buffer.concat([seen[part.channel], part.bytes]);
        const wanted = (isLog: boolean): Buffer =>
          Buffer.concat(all.filter((each) => each.isLog === isLog).map((each) => each.payload));
        expect(seen).toEqual({ data: wanted(false), log: wanted(true) });
      }),
    );
  });

  test('of an unknown channel or more than 64 MiB are refused', () => {
    expect(() => new FrameReader().push(frame(7, Buffer.from('x')))).toThrow(/no frame/);
    expect(() => new FrameReader().push(Buffer.from([0, 0x04, 0, 0, 1]))).toThrow(/no frame/);
    expect(new FrameReader().push(Buffer.from([0, 0x04, 0, 0, 0]))).toEqual([]);
  });
});

describe('log lines', () => {
  test('have a severity; the rest is left out', () => {
    const log = new DoveadmLog();
    log.push(Buffer.from('\u0002info\n\u0003warn'));
    log.push(Buffer.from('ing\n\u0004error\u0007\n\u0005fatal\nno severity\n\n'));
    expect(log.lines).toEqual([
      { severity: 'info', text: 'info' },
      { severity: 'warning', text: 'warning' },
      { severity: 'error', text: 'error ' },
      { severity: 'error', text: 'fatal' },
    ]);
  });

  test('are cut, and no more than the first hundred kept', () => {
    const log = new DoveadmLog();
    for (let count = 0; count <= logLinesMax; count++)
      log.push(Buffer.from(`\u0004${count} ${'x'.repeat(logLineCharactersMax)}\n`));
    expect(log.lines).toHaveLength(logLinesMax);
    expect(log.lines.at(-1)?.text).toMatch(/^99 /);
    expect(log.lines[0]?.text).toHaveLength(logLineCharactersMax);
    const endless = new DoveadmLog();
    for (let count = 0; count < 100; count++) endless.push(Buffer.alloc(64 * 1024, 0x04));
    endless.push(Buffer.from('\n'));
    expect(endless.lines).toHaveLength(1);
  });
});

describe('an answer', () => {
  const read = (text: string): unknown => new DoveadmAnswerReader().push(Buffer.from(text));

  test('is one line of output and one of result', () => {
    expect(read('S\t\n+\n')).toEqual({ output: ['S', ''], word: '+' });
    expect(read('\n-NOUSER\n')).toEqual({ output: [''], word: 'NOUSER' });
    expect(read('\n-\n')).toEqual({ output: [''], word: '' });
    expect(read('S\t\n')).toBeUndefined();
  });

  test('of another form is refused', () => {
    for (const text of ['S\n\n', 'S\nok\n', '\n+x\n'])
      expect(() => read(text)).toThrow(/answers a sync with/);
  });
});

test('no user name and no destination can add a field or a line to a command', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (state, destination) => {
      const user = parseUserName('ann');
      const limits = { lockTimeoutSeconds: 1, ioTimeoutSeconds: 2 };
      const line = encodeSyncCommand({ user, destination, state, full: false, ...limits });
      expect(line.indexOf('\n')).toBe(line.length - 1);
      const fields = splitTabs(line.slice(0, -1));
      expect(fields).toHaveLength(13);
      expect(fields.slice(-2)).toEqual([state, destination]);
    }),
  );
});

test('namespaces and mailboxes to leave out are options of the command', () => {
  const seconds = { lockTimeoutSeconds: 1, ioTimeoutSeconds: 2 };
  const command = { user: parseUserName('ann'), destination: 'tcp:x:1', state: '', full: false, ...seconds };
  const fieldsOf = (more: object): string[] =>
    splitTabs(encodeSyncCommand({ ...command, ...more }).slice(0, -1));
  expect(fieldsOf({}).slice(5, 6)).toEqual(['-N']);
  expect(
    fieldsOf({ namespaces: ['', '-a/'], excludedMailboxes: ['Virtual/*', '\\Trash'] }).slice(5, 13),
  ).toEqual(['-n', '', '-n', '-a/', '-x', 'Virtual/*', '-x', '\\Trash']);
});

test('the version of a server, and what is none', () => {
  expect(parseDoveadmServerMinor('VERSION\tdoveadm-client\t1\t3')).toBe(3);
  for (const line of ['+', 'VERSION\tdoveadm-client\t2\t0', 'VERSION\tdoveadm-client\t1\tx', ''])
    expect(parseDoveadmServerMinor(line)).toBeUndefined();
});

test('answers of the auth service', () => {
  expect(encodeUserLookup(7, parseUserName('ann'))).toBe('USER\t7\tann\tservice=doveadm\n');
  expect(parseAuthAnswer('USER\t7\tann\tuid=5\tnoreplicate\tx=a=b')).toEqual({
    type: 'user',
    id: 7,
    user: 'ann',
    fields: new Map([
      ['uid', '5'],
      ['noreplicate', ''],
      ['x', 'a=b'],
    ]),
  });
  expect(parseAuthAnswer('NOTFOUND\t7')).toEqual({ type: 'unknown-user', id: 7 });
  expect(parseAuthAnswer('FAIL\t7\treason=down')).toEqual({ type: 'failed', id: 7, reason: 'down' });
  expect(parseAuthAnswer('LIST\t1\tann')).toEqual({ type: 'listed', id: 1, user: 'ann' });
  expect(parseAuthAnswer('DONE\t1\tfail')).toEqual({ type: 'list-done', id: 1, failed: true });
  for (const line of ['SPID\t123', 'USER', 'USER\tx\tann', '']) {
    const answer = parseAuthAnswer(line);
    expect(answer?.type).toBeUndefined();
  }
});
