import { spawnSync } from 'node:child_process';
import { DsyncdError, type Logger } from '@dsyncd/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { createLogger, logReady, type ProgramLogger } from '../src/index.ts';

let lines: Record<string, unknown>[];
let logger: ProgramLogger;
beforeEach(() => {
  lines = [];
  logger = createLogger({
    program: 'dsyncd',
    level: 'info',
    destination: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
});

test('in the journal of systemd a line has its priority, and not what journald notes by itself', () => {
  const script = `
    import { openSync, fstatSync } from 'node:fs';
    const { dev, ino } = fstatSync(2, { bigint: true });
    process.env.JOURNAL_STREAM = process.argv[1] === 'other' ? '1:2' : dev + ':' + ino;
    const { createLogger } = await import(${JSON.stringify(new URL('../src/index.ts', import.meta.url).href)});
    const logger = createLogger({ program: 'dsyncd', level: 'debug' });
    logger.debug({}, 'd'); logger.info({ user: 'u' }, 'i'); logger.warn({}, 'w'); logger.error({}, 'e');`;
  const run = (...args: readonly string[]): readonly string[] =>
    spawnSync(process.execPath, ['--input-type=module', '-e', script, ...args], { encoding: 'utf8' })
      .stderr.trim()
      .split('\n');
  expect(run()).toEqual([
    '<7>{"level":"debug","msg":"d"}',
    '<6>{"level":"info","user":"u","msg":"i"}',
    '<4>{"level":"warn","msg":"w"}',
    '<3>{"level":"error","msg":"e"}',
  ]);
  // Standard error was redirected: another program reads it.
  expect(run('other')[0]).toMatch(
    /^\{"level":"debug","time":"[^"]+","program":"dsyncd","pid":\d+,"msg":"d"\}$/,
  );
});

describe('a log line', () => {
  test('has level, ISO time, program, process and fields', () => {
    logReady(logger, { user: 'u', channel: 'default', port: 1 });
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        program: 'dsyncd',
        pid: process.pid,
        user: 'u',
        channel: 'default',
        port: 1,
        msg: 'ready',
      },
    ]);
  });

  test('never has a secret, however deep, but has the file it came from', () => {
    const fields = {
      password: 'hunter2',
      doveadm_password_file: '/s',
      peer: { authToken: 'hunter2', list: [{ secret: 'hunter2' }] },
    };
    logger.child({ passphrase: 'hunter2' }).error(fields, 'x');
    expect(JSON.stringify(lines)).not.toContain('hunter2');
    expect(lines[0]).toMatchObject({ password: '[redacted]', doveadm_password_file: '/s' });
  });

  test('tells an expected error by code and hint, without a stack', () => {
    const cause = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const error = new DsyncdError('DSYNCD_CONFIG', 'no peer', {
      outcome: 'transient',
      hint: 'start it',
      cause,
    });
    logger.error({ error }, 'sync failed');
    expect(lines[0]?.error).toEqual({
      code: 'DSYNCD_CONFIG',
      message: 'no peer',
      outcome: 'transient',
      hint: 'start it',
      cause: { name: 'Error', message: 'connect ECONNREFUSED', code: 'ECONNREFUSED' },
    });
  });

  test('has the stack of an unexpected error', () => {
    logger.error({ error: new TypeError('bad') }, 'x');
    expect(lines[0]?.error).toMatchObject({
      name: 'TypeError',
      stack: expect.stringContaining('logger.test.ts'),
    });
  });

  test('is bounded: long texts, deep and cyclic values, bytes', () => {
    const cyclic: Record<string, unknown> = { body: Buffer.alloc(9) };
    cyclic.self = cyclic;
    logger.info({ text: 'x'.repeat(10_000), cyclic }, 'x');
    expect(String(lines[0]?.text)).toHaveLength(4097);
    expect(JSON.stringify(lines[0]?.cyclic)).toContain('[9 bytes]');
  });
});

test('the level can change while running, for children too', () => {
  const child: Logger = logger.child({ user: 'u' });
  child.debug({}, 'unseen');
  logger.setLevel('debug');
  child.debug({}, 'seen');
  logger.setLevel('error');
  child.warn({}, 'unseen');
  expect(lines.map((line) => line.msg)).toEqual(['seen']);
});

test('a program that crashes leaves the reason as its last line and ends with 70', () => {
  const index = new URL('../src/index.ts', import.meta.url).href;
  const script = `
    const { createLogger, exitOnCrash } = await import(${JSON.stringify(index)});
    const logger = createLogger({ program: 'p', level: 'info' });
    exitOnCrash(logger);
    for (let n = 0; n < 1000; n++) logger.info({ n }, 'line');
    Promise.reject(new Error('boom'));`;
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  const written = result.stderr.trimEnd().split('\n');
  expect(written).toHaveLength(1001);
  expect(JSON.parse(written.at(-1) ?? '')).toMatchObject({ msg: 'crashed', error: { message: 'boom' } });
  expect(result.status).toBe(70);
});
