import { asMailboxGuid, asUidValidity, type MailboxGuid } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { keepRecreated } from '../src/tree/dovecot-rules.ts';
import { mergeTrees } from '../src/tree/merge.ts';
import type { TreeSide } from '../src/tree/side.ts';
import { planTree } from '../src/tree/steps.ts';

const [one, two, three] = ['1', '2', '3'].map((digit) => asMailboxGuid(digit.repeat(32))) as [
  MailboxGuid,
  MailboxGuid,
  MailboxGuid,
];

const side = (
  mailboxes: Record<string, MailboxGuid>,
  deleted: MailboxGuid[] = [],
  namedAt = 1,
): TreeSide => ({
  nodes: new Map(
    Object.entries(mailboxes).map(([key, guid]) => [
      key,
      {
        key,
        exists: true,
        mailbox: { guid, uidValidity: asUidValidity(5) },
        namedAt,
        subscribed: false,
        subscribedAt: 0,
      },
    ]),
  ),
  deletedMailboxes: new Set(deleted),
  givenUp: new Map(),
  deletedDirectories: new Map(),
  unsubscribes: new Map(),
  hierarchySeparator: '/',
});

/** The names as the merge with a Dovecot leaves them, and our steps. */
function merge(ours: TreeSide, theirs: TreeSide) {
  const [local, remote] = [keepRecreated(ours, theirs), keepRecreated(theirs, ours)];
  const merged = mergeTrees(local, remote);
  const names = Object.fromEntries([...merged.mailboxes.values()].map(({ key, guid }) => [key, guid]));
  return { names, steps: planTree(local, merged) };
}

test.each([
  ['old', two, one],
  ['new', one, two],
])(
  'a name that was deleted and made again there: the two become one, the %s GUID being the greater',
  (_, old, made) => {
    const { names, steps } = merge(side({ P: old }), side({ P: made }, [old]));
    expect(names).toEqual({ P: two });
    expect(steps.filter(({ type }) => type !== 'identity' && type !== 'give-up')).toEqual([]);
  },
);

test('the same when it was deleted and made again here', () => {
  const { names, steps } = merge(side({ P: one }, [two]), side({ P: two }));
  expect(names).toEqual({ P: two });
  expect(steps).toEqual([{ type: 'identity', guid: one, to: two }]);
});

test('a deletion stays where nothing new has the name', () => {
  const { names, steps } = merge(side({ P: one, Q: two }), side({ Q: two }, [one]));
  expect(names).toEqual({ Q: two });
  expect(steps).toEqual([{ type: 'delete', guid: one, key: 'P' }]);
});

test('a deletion stays where an older mailbox got the name', () => {
  const { names } = merge(side({ P: one, Q: three }), side({ P: three }, [one], 9));
  expect(names).toEqual({ P: three });
});
