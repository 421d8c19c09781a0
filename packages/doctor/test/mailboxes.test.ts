import { parseDoveconf } from '@dsyncd/config';
import { describe, expect, test } from 'vitest';
import { judgeMailboxes } from '../src/checks/mailboxes.ts';

const doveconf = (version: string, mailLocation = 'maildir:~/Maildir') => ({
  tree: parseDoveconf(`# ${version}\nmail_location = ${mailLocation}\n`),
  ...{ version, is24: version.startsWith('2.4') },
});
const having = (...names: readonly string[]) => [
  { user: 'ann', here: new Map(names.map((name, index) => [name, `g${index}`])) },
];

describe('mailboxes that dsync cannot make equal', () => {
  test('none', () => {
    expect(judgeMailboxes(having('INBOX', 'My-temp-list'), doveconf('2.3.19.1')).severity).toBe('ok');
  });

  test.each([
    ['2.3.19.1', undefined, 'problem'],
    ['2.3.20', undefined, 'problem'],
    ['2.3.19.1', 'maildir:~/Maildir:BROKENCHAR=^', 'ok'],
    ['2.3.21', undefined, 'ok'],
    ['2.3.21.1', undefined, 'ok'],
    ['2.4.1', undefined, 'ok'],
  ])('"%%" in a name with Dovecot %s and mail_location %s: %s', (version, location, severity) => {
    const finding = judgeMailboxes(having('INBOX', 'per%cent'), doveconf(version, location));
    expect(finding.severity).toBe(severity);
    if (severity === 'problem')
      expect(finding.message + finding.remedy).toMatch(/per%cent of ann.*BROKENCHAR/);
  });

  test('bytes that are no UTF-8', () => {
    const finding = judgeMailboxes(having('B\ufffdro'), undefined);
    expect(finding).toMatchObject({
      severity: 'problem',
      message: expect.stringContaining('B\ufffdro of ann'),
    });
  });

  test.each(['Work-temp-1', 'Work-temp-48b36517e66f0a6b431200002df988c9'])(
    'that wanted the same name: %s',
    (name) => {
      const finding = judgeMailboxes(having('Work', name), doveconf('2.4.1'));
      expect(finding).toMatchObject({
        severity: 'warning',
        message: expect.stringContaining(`${name} of ann`),
      });
    },
  );

  test('a mailbox that both hosts made', () => {
    const [users] = having('INBOX', 'Work');
    const there = new Map([
      ['INBOX', 'g0'],
      ['Work', 'other'],
    ]);
    const finding = judgeMailboxes([{ user: 'ann', here: users?.here ?? new Map(), there }], undefined);
    expect(finding).toMatchObject({ severity: 'warning', message: expect.stringMatching(/: Work of ann$/) });
  });
});
