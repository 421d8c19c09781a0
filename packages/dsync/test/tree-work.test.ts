import { asMailboxGuid, asUidValidity } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { mergeTrees } from '../src/tree/merge.ts';
import { planTree } from '../src/tree/plan.ts';
import type { PathKey, SideNode, TreeSide } from '../src/tree/side.ts';

/** Counts how often somebody goes over all names. */
class CountedNodes extends Map<PathKey, SideNode> {
  scans = 0;

  override values(): ReturnType<Map<PathKey, SideNode>['values']> {
    this.scans++;
    return super.values();
  }
}

function sideWith(directories: number): TreeSide & { readonly nodes: CountedNodes } {
  const nodes = new CountedNodes();
  const common = { exists: true, namedAt: 1, subscribed: false, subscribedAt: 0 };
  const mailbox = { guid: asMailboxGuid('a'.repeat(32)), uidValidity: asUidValidity(1) };
  nodes.set('INBOX', { key: 'INBOX', ...common, mailbox });
  for (let index = 0; index < directories; index++) nodes.set(`d${index}`, { key: `d${index}`, ...common });
  return {
    nodes,
    deletedMailboxes: new Set(),
    givenUp: new Map(),
    deletedDirectories: new Map(),
    unsubscribes: new Map(),
    hierarchySeparator: '/',
  };
}

test('all names of a side are gone over a fixed number of times, however many there are', () => {
  const [few, many] = [3, 3000].map((directories) => {
    const [local, theirs] = [sideWith(0), sideWith(directories)];
    expect(planTree(local, mergeTrees(local, theirs))).toHaveLength(directories);
    return local.nodes.scans + theirs.nodes.scans;
  });
  expect(many).toBe(few);
});
