import { expect, test } from 'vitest';
import { ImpossibleMailboxes } from '../src/impossible-mailboxes.ts';

const error = (text: string) => ({ severity: 'error', text }) as const;

test.each([
  ["doveadm(ann): Error: Couldn't find namespace for mailbox Top", 'Top'],
  ["Error: Can't create mailbox Deep/TLS: Mailbox name too long", 'Deep/TLS'],
  ["Error: Can't create mailbox Odd: name: Mailbox name too long", 'Odd: name'],
])('%s', (text, name) => {
  const impossible = new ImpossibleMailboxes();
  expect(impossible.failure()).toBeUndefined();
  expect(impossible.learn([error(text)])).toBe(name);
  expect(impossible.learn([error(text)])).toBeUndefined();
  expect(impossible.names).toEqual([name]);
  expect(impossible.failure()).toMatchObject({
    code: 'DSYNCD_MAILBOX_LEFT_OUT',
    outcome: 'transient',
    message: expect.stringContaining(text.replace(/^.*Error: /, '')),
  });
});

test.each([
  "Can't create mailbox Work: Not enough disk quota",
  "Can't create mailbox Work: No space left on device",
  "Can't create mailbox Work: Permission denied",
  "Can't create mailbox Virtual/All: Can't create virtual mailboxes",
  "Can't create mailbox INBOX: Mailbox name too long",
  'Timeout during state=recv_mailbox_tree',
])('%s: it is not for the name', (text) => {
  expect(new ImpossibleMailboxes().learn([error(text)])).toBeUndefined();
});

test('a mailbox can be none of ours', () => {
  const impossible = new ImpossibleMailboxes();
  const name = impossible.learn([error("Can't create mailbox Theirs: no")]) ?? '';
  impossible.forget(name);
  expect(impossible.failure()).toBeUndefined();
});
