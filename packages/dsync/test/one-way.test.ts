import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Action, act, actions } from './actions.ts';
import { visible, World } from './world.ts';

const numRuns = Number(process.env.LAW_RUNS ?? 100);
const storyOf = (withDeletes: boolean): fc.Arbitrary<Action[]> =>
  fc.array(actions({ withDeletes }), { minLength: 1, maxLength: 40, size: 'max' });
/** A mailbox that is deleted takes with it what the other side moved there, and an expunge only one of two copies. */
const storyOfSingleMails = storyOf(false).map((story) => story.filter(({ type }) => type !== 'copy'));
/** The parent stays where its mailbox was renamed, so it has to stay on the other side. */
const desertedParent: Action[] = [
  { type: 'create', host: 0, name: 'Work/2026' },
  { type: 'sync', host: 1, peer: 0, kind: 'incremental', fault: 'none', at: 0 },
  { type: 'rename', host: 0, name: 'Work/2026', to: 'inbox/Sub' },
];
const directions = ['send', 'receive'] as const;

interface VisibleNode {
  readonly path: string;
  readonly guid?: string;
  readonly uidNext?: number;
  readonly mails: readonly { readonly guid: string; readonly uid: number }[];
}

/** Host 0 is the one that must not change. Its name sorts first; who leads decides who sends. */
async function playAndSync(
  actionsToDo: readonly Action[],
  direction: (typeof directions)[number],
  overwrites: boolean,
): Promise<{ source: VisibleNode[][]; target: VisibleNode[][] }> {
  const world = await new World(2).open();
  for (const action of actionsToDo) await act(world, action, { delivered: new Set(), touched: new Set() });
  const [source, target] = [world.host(0), world.host(1)];
  const seen = { source: [await look(source)], target: [await look(target)] };
  for (let round = 0; round < 2; round++) {
    if (direction === 'send')
      await world.sync(source, target, { type: 'full', oneWay: { direction, overwrites } });
    else await world.sync(target, source, { type: 'full', oneWay: { direction, overwrites } });
    seen.source.push(await look(source));
    seen.target.push(await look(target));
  }
  return seen;
}

const look = async ({ mail }: { readonly mail: Parameters<typeof visible>[0] }): Promise<VisibleNode[]> =>
  (await visible(mail)) as VisibleNode[];

/** UIDNEXT never goes down, so a side that had more may keep its own. */
const withoutUidNext = (nodes: VisibleNode[] | undefined): unknown =>
  nodes?.map(({ uidNext, ...node }) => node);

describe.each(directions)('where the leader is to %s', (direction) => {
  test('a backup makes the receiving side equal and leaves the sending one alone', async () => {
    await fc.assert(
      fc.asyncProperty(storyOf(true), async (actionsToDo) => {
        const { source, target } = await playAndSync(actionsToDo, direction, true);
        expect(source[1]).toEqual(source[0]);
        expect(withoutUidNext(target[1])).toEqual(withoutUidNext(source[0]));
        expect(source[2]).toEqual(source[0]);
        expect(target[2]).toEqual(target[1]);
      }),
      { numRuns },
    );
  }, 600_000);

  test('otherwise the receiving side gets what is new, and keeps its own', async () => {
    await fc.assert(
      fc.asyncProperty(storyOfSingleMails, async (actionsToDo) => {
        const { source, target } = await playAndSync(actionsToDo, direction, false);
        expect(source[2]).toEqual(source[0]);
        expect(target[2]).toEqual(target[1]);
        const guidsOf = (nodes: VisibleNode[] | undefined): Set<string> =>
          new Set(nodes?.flatMap(({ mails }) => mails.map(({ guid }) => guid)));
        const after = guidsOf(target[1]);
        const deleted = [...guidsOf(source[0])].filter((guid) => !after.has(guid));
        // What the target had deleted itself stays so.
        const [, there] = [guidsOf(source[0]), guidsOf(target[0])];
        expect(deleted.filter((guid) => there.has(guid))).toEqual([]);
      }),
      { numRuns, examples: [[desertedParent]] },
    );
  }, 600_000);
});
