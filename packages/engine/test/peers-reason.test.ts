import { DsyncdError } from '@dsyncd/core';
import type { DoveadmLogLine } from '@dsyncd/protocol';
import { expect, test } from 'vitest';
import { withPeersReason } from '../src/dovecot/verdict.ts';

const refused = new DsyncdError('DSYNCD_MAIL_REFUSED', 'tcp:mx2 cannot save a mail', {
  outcome: 'transient',
  hint: 'its log says why',
});
const line = (text: string, severity: DoveadmLogLine['severity'] = 'error'): DoveadmLogLine => ({
  severity,
  text,
});

test('a sync that a Dovecot gave up fails with its own words and the remedy for them', () => {
  const log = [
    line('doveadm(ann)<12><ab>: Warning: something else', 'warning'),
    line('doveadm(ann)<12><ab>: Error: Mailbox INBOX: Saving failed: Disconnected'),
    line('doveadm(ann)<12><ab>: Error: Mailbox INBOX: write(/m/x) failed: No space left on device'),
  ];
  expect(withPeersReason(refused, log)).toMatchObject({
    code: 'DSYNCD_MAIL_REFUSED',
    outcome: 'transient',
    message:
      'tcp:mx2 cannot save a mail; it says: Mailbox INBOX: write(/m/x) failed: No space left on device',
    hint: expect.stringContaining('free space'),
  });
});

test('words that nobody knows are told as they are', () => {
  expect(withPeersReason(refused, [line('Mailbox INBOX: the moon is full')])).toMatchObject({
    message: 'tcp:mx2 cannot save a mail; it says: Mailbox INBOX: the moon is full',
    hint: 'its log says why',
  });
});

test('where it says nothing, or the reason is ours, the error stays', () => {
  const ours = new DsyncdError('DSYNCD_STORE_DISK_FULL', 'no room here', { outcome: 'transient' });
  expect(withPeersReason(refused, [])).toBe(refused);
  expect(withPeersReason(refused, [line('dsync(mx1): read() failed: EOF')])).toBe(refused);
  expect(withPeersReason(ours, [line('Mailbox INBOX: odd')])).toBe(ours);
});
