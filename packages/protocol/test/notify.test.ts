import { limits } from '@dsyncd/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BadLine, type NotifyBatch, NotifyParser, ReplicatorParser } from '../src/index.ts';

interface Seen {
  readonly lines: readonly (readonly [user: string, code: number, extra?: string])[];
  readonly bad: readonly BadLine[];
  readonly badCount: number;
}

const seen = (batches: readonly NotifyBatch[]): Seen => ({
  lines: batches.flatMap(({ users, priorities, extras }) =>
    users.map((user, index) => {
      const extra = extras.get(index);
      return extra === undefined
        ? ([user, priorities[index] ?? 0] as const)
        : ([user, priorities[index] ?? 0, extra] as const);
    }),
  ),
  bad: batches.flatMap((batch) => batch.bad),
  badCount: batches.reduce((sum, batch) => sum + batch.badCount, 0),
});

const parse = (...chunks: readonly (string | Buffer)[]): Seen => {
  const parser = new NotifyParser();
  return seen(chunks.map((chunk) => parser.push(Buffer.from(chunk as string))));
};

describe('notification lines', () => {
  test('give users, priorities and origins', () => {
    const { lines, badCount } = parse('a\tlow\nb@x\thigh\nc\tsync\nd\tlow\tmx2.example.com\nü\tlow\n');
    expect(lines).toEqual([
      ['a', 1],
      ['b@x', 2],
      ['c', 3],
      ['d', 1, 'mx2.example.com'],
      ['ü', 1],
    ]);
    expect(badCount).toBe(0);
  });

  test.each([
    ['no priority', 'user\n', 'unknown priority'],
    ['another priority', 'user\tnone\n', 'unknown priority'],
    ['a priority with something behind it', 'user\tlowest\n', 'unknown priority'],
    ['an empty line', '\n', 'unknown priority'],
    ['an empty name', '\tlow\n', 'bad user name'],
    ['a path', '../../etc\tlow\n', 'bad user name'],
    ['an empty part', 'a//b\tlow\n', 'bad user name'],
    ['a dot', '.\tlow\n', 'bad user name'],
    ['two dots', '..\tlow\n', 'bad user name'],
    ['an escaped TAB', 'a\u0001tb\tlow\n', 'control character'],
    ['a carriage return', 'a\tlow\r\n', 'control character'],
    ['a NUL', 'a\u0000\tlow\n', 'control character'],
    ['a fourth field', 'a\tlow\tx\ty\n', 'bad field'],
    ['an empty origin', 'a\tlow\t\n', 'bad field'],
    ['a long origin', `a\tlow\t${'x'.repeat(256)}\n`, 'bad field'],
    ['bytes that are not UTF-8', Buffer.from('a\xff\tlow\n', 'latin1'), 'not UTF-8'],
    ['a name of 256 bytes', `${'x'.repeat(256)}\tlow\n`, 'bad user name'],
    ['a name of 256 bytes, not characters', `${'ü'.repeat(128)}\tlow\n`, 'bad user name'],
  ])('%s is refused, and its neighbours are not', (_, line, reason) => {
    const chunk = Buffer.concat([
      Buffer.from('before\tlow\n'),
      Buffer.from(line as string),
      Buffer.from('after\thigh\n'),
    ]);
    const result = parse(chunk);
    expect(result.lines).toEqual([
      ['before', 1],
      ['after', 2],
    ]);
    expect(result.badCount).toBe(1);
    expect(result.bad[0]?.reason).toBe(reason);
  });

  test('names of 255 bytes are taken', () => {
    expect(parse(`${'x'.repeat(255)}\tlow\n`).lines).toHaveLength(1);
    expect(parse(`${'ü'.repeat(127)}x\tlow\n`).lines).toHaveLength(1);
  });

  test('bad lines are quoted short, one for each reason', () => {
    const result = parse(`${'\u001b[2J'.repeat(100)}\n`.repeat(1000));
    expect(result.badCount).toBe(1000);
    expect(result.bad).toHaveLength(1);
    for (const { quoted } of result.bad) expect(quoted).toMatch(/^[\x20-\x7e…]{1,600}$/);
  });

  test('the same lines come out however the stream is cut', () => {
    const line = fc.oneof(
      fc
        .tuple(fc.stringMatching(/^[a-zäö€@]{1,20}$/), fc.constantFrom('low', 'high', 'sync'))
        .map(([u, p]) => `${u}\t${p}`),
      fc.constantFrom('', '\t', 'x', '-a\tlow', 'u\tlow\torigin', 'u\t\t', '\u0001\tlow', 'a/b\tlow'),
    );
    fc.assert(
      fc.property(fc.array(line), fc.array(fc.integer({ min: 1, max: 9 })), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((text) => `${text}\n`).join(''));
        const chunks: Buffer[] = [];
        let from = 0;
        for (const cut of cuts) {
          chunks.push(bytes.subarray(from, from + cut));
          from += cut;
        }
        const whole = parse(bytes);
        const pieces = parse(...chunks, bytes.subarray(from));
        expect(pieces.lines).toEqual(whole.lines);
        expect(pieces.badCount).toBe(whole.badCount);
        expect(whole.lines.length + whole.badCount).toBe(lines.length);
      }),
    );
  });
});

describe('a line without end', () => {
  test('of the longest length is held, one byte more is skipped up to its line feed', () => {
    const parser = new NotifyParser();
    parser.push(Buffer.alloc(limits.lineBytesMax, 'x'));
    expect(parser.heldBytes).toBe(limits.lineBytesMax);
    const over = parser.push(Buffer.from('x'));
    expect(over.bad.map((bad) => bad.reason)).toEqual(['too long']);
    expect(parser.heldBytes).toBe(0);
    for (let n = 0; n < 100; n++) expect(parser.push(Buffer.alloc(65_536, 'x')).badCount).toBe(0);
    expect(parser.heldBytes).toBe(0);
    expect(seen([parser.push(Buffer.from('xx\nafter\tlow\n'))])).toMatchObject({
      lines: [['after', 1]],
      badCount: 0,
    });
  });

  test('inside one block is refused too', () => {
    const result = parse(`${'x'.repeat(limits.lineBytesMax)}\tlow\nafter\tlow\n`);
    expect(result.lines).toEqual([['after', 1]]);
    expect(result.bad[0]?.reason).toBe('too long');
  });

  test('lines without TAB take no time that grows with their square', () => {
    const start = performance.now();
    expect(parse('\n'.repeat(1_000_000)).badCount).toBe(1_000_000);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('the replicator socket', () => {
  const greeting = 'VERSION\treplicator-notify\t1\t0\n';
  const push = (...chunks: string[]): Seen => {
    const parser = new ReplicatorParser();
    return seen(
      chunks.map((chunk) => {
        const result = parser.push(Buffer.from(chunk));
        if ('badGreeting' in result) throw new Error(result.badGreeting);
        return result;
      }),
    );
  };

  test('gives updates after the greeting, sync with its ID', () => {
    expect(push(`${greeting}U\ta\tlow\nU\tb\tsync\t17\n`).lines).toEqual([
      ['a', 1],
      ['b', 3, '17'],
    ]);
    expect(push('VERS', 'ION\treplicator-notify\t1\t7\nU\ta', '\thigh\n').lines).toEqual([['a', 2]]);
  });

  test('other commands are bad lines', () => {
    expect(push(`${greeting}X\ta\tlow\nU\tb\tlow\nU\nUU\tc\tlow\n`)).toMatchObject({
      lines: [['b', 1]],
      badCount: 3,
    });
  });

  test.each([
    'VERSION\treplicator-notify\t2\t0\n',
    'U\ta\tlow\n',
    'GET / HTTP/1.1\r\n',
    `${'x'.repeat(257)}`,
  ])('refuses the greeting %j', (text) => {
    expect(() => push(text)).toThrow();
  });
});
