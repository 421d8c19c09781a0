import { asMailboxGuid, asUidValidity } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { watchUser } from '../src/session.ts';
import { mergeTrees } from '../src/tree/merge.ts';
import type { PathKey, SideNode, TreeSide } from '../src/tree/side.ts';
import { applyTreeSteps, planTree, type TreeStep } from '../src/tree/steps.ts';
import { World } from './world.ts';

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

test('50,000 names come and go in a few transactions, each of which loads the names once', async () => {
  const { mail } = (await new World(1).open()).host(0);
  let calls = 0;
  const counted = watchUser(mail, () => void calls++);
  const keys = Array.from({ length: 49_999 }, (_, index) => `d${index}`);
  const creations = keys.map((key): TreeStep => ({ type: 'create-directory', key, at: 1 }));
  const deletions = keys.map((key): TreeStep => ({ type: 'delete-directory', key }));

  expect(await applyTreeSteps(counted, creations)).toEqual([]);
  expect((await mail.tree()).nodes).toHaveLength(50_000);
  expect(await applyTreeSteps(counted, deletions)).toEqual([]);
  expect((await mail.tree()).nodes).toHaveLength(1);
  expect(calls).toBe(20);
});

test('a step that was overtaken is named, and the others are done', async () => {
  const { mail } = (await new World(1).open()).host(0);
  const guid = asMailboxGuid('b'.repeat(32));
  const steps: TreeStep[] = [
    { type: 'delete', guid, key: 'gone' },
    { type: 'create', key: 'new', guid, uidValidity: asUidValidity(5), at: 1 },
    { type: 'rename', from: 'nowhere', to: 'x', at: 1 },
    { type: 'subscribe', key: 'new', subscribed: true, at: 1 },
  ];

  expect(await applyTreeSteps(mail, steps)).toEqual([
    expect.stringMatching(/^delete of a mailbox was overtaken: /),
    expect.stringMatching(/^rename of a mailbox was overtaken: /),
  ]);
  const node = (await mail.tree()).nodes.find(({ path }) => path[0] === 'new');
  expect(node).toMatchObject({ subscribed: true, mailbox: { guid, uidValidity: 5 } });
});
