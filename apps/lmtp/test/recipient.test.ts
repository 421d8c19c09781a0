import { DsyncdError } from '@dsyncd/core';
import { describe, expect, test } from 'vitest';
import { failureReply } from '../src/deliver.ts';
import { parseCommand } from '../src/lmtp-input.ts';
import { parseRecipient } from '../src/recipient.ts';

describe('addresses', () => {
  test.each([
    ['jane@example.com', 'jane@example.com', ['INBOX']],
    ['Jane@Example.COM', 'jane@example.com', ['INBOX']],
    ['jane', 'jane', ['INBOX']],
    ['jane+Lists@x', 'jane@x', ['Lists']],
    ['jane+Lists/dsync+dev@x', 'jane@x', ['Lists', 'dsync+dev']],
    ['jane+inbox@x', 'jane@x', ['INBOX']],
    ['jane+@x', 'jane@x', ['INBOX']],
    ['"a@b"@x', '"a@b"@x', ['INBOX']],
    ['jane+../b@x', 'jane@x', ['INBOX']],
    ['jane+/b@x', 'jane@x', ['INBOX']],
    ['jane+a//b@x', 'jane@x', ['INBOX']],
    ['jane+.@x', 'jane@x', ['INBOX']],
    [`jane+${'x'.repeat(256)}@x`, 'jane@x', ['INBOX']],
  ])('%s is %s %j', (address, user, mailbox) => {
    expect(parseRecipient(address, '+', 'lower')).toEqual({ address, user, mailbox });
  });

  test.each([
    ['../etc@x', /user name has a part/],
    ['a/b@x', /user name has a "\/"/],
    ['+folder@x', /has no user/],
    [`${'x'.repeat(256)}@x`, /longer than 255 bytes/],
  ])('%s is refused', (address, problem) => {
    expect(parseRecipient(address, '+', 'lower')).toEqual({ problem: expect.stringMatching(problem) });
  });

  test('without a delimiter the address is the user', () => {
    expect(parseRecipient('a+b@x', '', 'lower')).toMatchObject({ user: 'a+b@x', mailbox: ['INBOX'] });
  });
});

describe('commands', () => {
  test.each([
    ['MAIL FROM:<> SIZE=10 BODY=8BITMIME', { type: 'mail', size: 10 }],
    ['mail from:<a@b>', { type: 'mail', size: undefined }],
    ['RCPT TO:<a@b>', { type: 'rcpt', address: 'a@b' }],
    ['RCPT TO: <a@b> NOTIFY=NEVER', { type: 'rcpt', address: 'a@b' }],
    ['RCPT TO:<@relay,@two:a@b>', { type: 'rcpt', address: 'a@b' }],
    ['RCPT TO:<"a b\\"c"@d>', { type: 'rcpt', address: 'a b"c@d' }],
    ['RCPT TO:<"a>b"@d>', { type: 'rcpt', address: 'a>b@d' }],
    ['data', { type: 'data' }],
  ])('%s', (line, expected) => {
    expect(parseCommand(line)).toEqual(expected);
  });

  test.each(['RCPT TO:a@b', 'RCPT TO:<>', 'RCPT', 'MAIL a@b', 'EHLO x', 'LHLO', '', 'HELP'])(
    '%j is wrong',
    (line) => {
      expect(parseCommand(line)).toMatchObject({ type: 'wrong', reply: expect.stringMatching(/^50[01] /) });
    },
  );
});

describe('replies', () => {
  const error = (
    code: DsyncdError['code'],
    outcome: 'busy' | 'nouser' | 'operator' | 'transient',
    cause?: unknown,
  ): DsyncdError => new DsyncdError(code, 'what happened\r\n250 forged ü', { outcome, cause });

  test.each([
    ['no user', error('DSYNCD_STORE_NO_USER', 'nouser'), /^550 5\.1\.1 <a@x> what happened/],
    ['a lock', error('DSYNCD_STORE_LOCKED', 'busy'), /^450 4\.2\.0 /],
    ['a bad mailbox name', error('DSYNCD_MAILBOX_NAME', 'operator'), /^550 5\.1\.3 /],
    ['a full disk', Object.assign(new Error('x'), { code: 'ENOSPC' }), /^452 4\.3\.1 .*disk is full/],
    [
      'a full disk below',
      error('DSYNCD_CONFIG', 'transient', Object.assign(new Error('x'), { code: 'EDQUOT' })),
      /^452 4\.3\.1 /,
    ],
    ['a full disk as the store says it', error('DSYNCD_STORE_DISK_FULL', 'transient'), /^452 4\.3\.1 /],
    ['what needs a person', error('DSYNCD_CONFIG', 'operator'), /^451 4\.3\.5 /],
    ['a defect', new TypeError('secret detail'), /^451 4\.3\.0 <a@x> internal error/],
  ])('%s', (_, cause, expected) => {
    const reply = failureReply('a@x', cause);
    expect(reply).toMatch(expected);
    expect(reply).toMatch(/^[\x20-\x7e]+$/);
    expect(reply).not.toContain('secret');
  });
});
