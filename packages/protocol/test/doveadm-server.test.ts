import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import {
  doveadmClientVersion,
  doveadmVersionProblem,
  encodeCommandRefusal,
  encodeDsyncServerCommand,
  encodePlainLogin,
  parseCommandAnswer,
  parseDsyncServerCommand,
  parsePlainLogin,
} from '../src/doveadm/server-lines.ts';

const line = (text: string): string => text.replace(/\n$/, '');

describe('the version line', () => {
  it.each(['VERSION\tdoveadm-server\t1\t0', 'VERSION\tdoveadm-server\t1\t2', line(doveadmClientVersion)])(
    'is accepted: %j',
    (text) => expect(doveadmVersionProblem(text)).toBeUndefined(),
  );

  it.each([
    ['VERSION\tdoveadm-server\t2\t0', 'version 2'],
    ['VERSION\tdoveadm-client\t1\t0', 'instead of its version'],
    ['VERSION\tdoveadm-server\tone\t0', 'broken'],
    ['VERSION\tdoveadm-server', 'broken'],
    ['GET / HTTP/1.1', 'GET / HTTP/1.1'],
    ['', 'instead of its version'],
  ])('is refused: %j', (text, words) => expect(doveadmVersionProblem(text)).toContain(words));
});

describe('the PLAIN login', () => {
  it.each(['secret', 'ÄÖ with blanks', 'a\0b', ''])('carries the secret %j', (secret) => {
    expect(parsePlainLogin(line(encodePlainLogin(secret)))?.toString()).toBe(secret);
  });

  it('is what real doveadm sends', () => {
    expect(encodePlainLogin('s3cret')).toBe('PLAIN\tAGRvdmVhZG0AczNjcmV0\n');
  });

  it.each([
    `PLAIN\t${Buffer.from('\0root\0secret').toString('base64')}`,
    `PLAIN\t${Buffer.from('doveadm\0secret').toString('base64')}`,
    'PLAIN\t',
    'PLAIN\t***',
    'LOGIN\tAGRvdmVhZG0AczNjcmV0',
    'STARTTLS',
  ])('is refused: %j', (text) => expect(parsePlainLogin(text)).toBeUndefined());
});

describe('the dsync-server command', () => {
  it('is what real doveadm sends', () => {
    const user = parseUserName('u1@x.test');
    expect(encodeDsyncServerCommand(user)).toBe('\tu1@x.test\tdsync-server\t-uu1@x.test\n');
  });

  it.each([
    ['\tu1\tdsync-server\t-uu1', 'u1'],
    ['D\tu1\tdsync-server\t-uu1\t-U', 'u1'],
    ['v\tu1\tdsync-server\t-u\tu1\t-T\t600', 'u1'],
    ['\tu1\tdsync-server', 'u1'],
    ['\t\tdsync-server\t-uu1', 'u1'],
    ['\tu\u0001ttab\tdsync-server', 'u\ttab'],
  ])('names the user: %j', (text, user) => expect(parseDsyncServerCommand(text)).toEqual({ user }));

  it.each([
    ['', 'not a command'],
    ['\tu1', 'not a command'],
    ['X\tu1\tdsync-server', 'flags'],
    ['\tu1\texpunge\t-uu1\tmailbox\tINBOX', 'only dsync-server'],
    ['\tu1\tdsync-server\t-r/etc/passwd', '-r'],
    ['\tu1\tdsync-server\t-u', 'without a value'],
    ['\tu1\tdsync-server\t-uu2', 'two users'],
    ['\t\tdsync-server', 'no user'],
    ['\tu1\tdsync-server\tmore', 'more'],
  ])('is refused: %j', (text, words) => expect(parseDsyncServerCommand(text).problem).toContain(words));
});

describe('the answer to a command', () => {
  it.each(['nouser', 'noreplicate', 'busy', 'transient', 'operator'] as const)('carries %s', (outcome) => {
    const [empty, answer, rest] = encodeCommandRefusal({ outcome, reason: 'because' }).split('\n');
    expect([empty, rest]).toEqual(['', '']);
    expect(parseCommandAnswer(answer ?? '')?.outcome).toBe(outcome);
  });

  it.each([
    ['-NOUSER', 'nouser'],
    ['-NOREPLICATE', 'noreplicate'],
    ['-TEMPFAIL', 'transient'],
    ['-USAGE', 'operator'],
    ['-NOPERM', 'operator'],
    ['-UNKNOWN', 'transient'],
    ['-', 'transient'],
    ['-75', 'transient'],
  ])("takes Dovecot's %s for %s", (text, outcome) => expect(parseCommandAnswer(text)?.outcome).toBe(outcome));

  it('says nothing that would break the line, and not too much', () => {
    const told = encodeCommandRefusal({ outcome: 'transient', reason: `a\nb\tc${'x'.repeat(1000)}` });
    expect(told.split('\n')).toHaveLength(3);
    expect(told).toContain('-TEMPFAIL a b c');
    expect(told.length).toBeLessThan(520);
    expect(encodeCommandRefusal({ outcome: 'nouser', reason: 'compared as a whole' })).toBe('\n-NOUSER\n');
  });

  it('+ is yes, and anything else is no answer', () => {
    expect(parseCommandAnswer('+')).toBeUndefined();
    expect(() => parseCommandAnswer('HTTP/1.1 400 Bad Request')).toThrow('no answer');
  });
});
