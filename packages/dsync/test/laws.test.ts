import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Action, act, actions, type Chronicle } from './actions.ts';
import { visible, World } from './world.ts';

/** How often each law is tried; LAW_RUNS for a long night. */
const numRuns = Number(process.env.LAW_RUNS ?? 150);
const story = (withDeletes: boolean): fc.Arbitrary<Action[]> =>
  fc.array(actions({ withDeletes }), { minLength: 1, maxLength: 40, size: 'max' });

async function play(
  hosts: number,
  actionsToDo: readonly Action[],
): Promise<{ world: World; chronicle: Chronicle }> {
  const world = await new World(hosts).open();
  const chronicle = { delivered: new Set<string>(), touched: new Set<string>() };
  const watch = new UidWatch(world);
  for (const action of actionsToDo) {
    await act(world, action, chronicle);
    await watch.check();
  }
  await world.settle();
  await watch.check();
  return { world, chronicle };
}

/** Under one name and UIDVALIDITY, a UID never names two mails, and UIDNEXT never goes down. */
class UidWatch {
  readonly #world: World;
  readonly #names = new Map<string, string>();
  readonly #uidNext = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  async check(): Promise<void> {
    for (const host of this.#world.hosts) {
      for (const { path, mailbox: status } of (await host.mail.tree()).nodes) {
        if (status === undefined) continue;
        const life = `${host.name} ${path.join('/')} ${status.guid} ${status.uidValidity}`;
        expect(status.uidNext).toBeGreaterThanOrEqual(this.#uidNext.get(life) ?? 1);
        this.#uidNext.set(life, status.uidNext);
        for (const { uid, guid } of await (await host.mail.mailbox(status.guid)).mails(1 as never, 1000)) {
          expect(this.#names.get(`${life} ${uid}`) ?? guid).toBe(guid);
          this.#names.set(`${life} ${uid}`, guid);
        }
      }
    }
  }
}

async function expectEqual(world: World): Promise<void> {
  const [first, ...others] = await Promise.all(world.hosts.map((host) => visible(host.mail)));
  for (const other of others) expect(other).toEqual(first);
}

/** How often each mail is there, on one host. */
async function instances(world: World, host: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  const { mail } = world.host(host);
  for (const { mailbox } of (await mail.tree()).nodes) {
    if (mailbox === undefined) continue;
    for (const { guid } of await (await mail.mailbox(mailbox.guid)).mails(1 as never, 1000))
      counts.set(guid, (counts.get(guid) ?? 0) + 1);
  }
  return counts;
}

test.each([2, 3])(
  '%i hosts end equal, whatever was done to them',
  async (hosts) => {
    await fc.assert(
      fc.asyncProperty(story(true), async (actionsToDo) => {
        const { world } = await play(hosts, actionsToDo);
        await expectEqual(world);
      }),
      { numRuns },
    );
  },
  600_000,
);

test.each([2, 3])(
  'on %i hosts no mail that was left alone is lost or doubled',
  async (hosts) => {
    await fc.assert(
      fc.asyncProperty(story(false), async (actionsToDo) => {
        const { world, chronicle } = await play(hosts, actionsToDo);
        const counts = await instances(world, 0);
        for (const guid of chronicle.delivered)
          if (!chronicle.touched.has(guid)) expect(counts.get(guid)).toBe(1);
      }),
      { numRuns },
    );
  },
  600_000,
);

test('it does not matter which side starts the sync', async () => {
  await fc.assert(
    fc.asyncProperty(story(true), async (actionsToDo) => {
      const apart = actionsToDo.filter(({ type }) => type !== 'sync');
      const results = [];
      for (const [master, slave] of [
        [0, 1],
        [1, 0],
      ] as const) {
        const world = await new World(2).open();
        const chronicle = { delivered: new Set<string>(), touched: new Set<string>() };
        for (const action of apart)
          await act(world, { ...action, host: 'host' in action ? action.host % 2 : 0 } as Action, chronicle);
        await world.sync(world.host(master), world.host(slave), { type: 'full' });
        await expectEqual(world);
        results.push(JSON.stringify(await visible(world.host(0).mail)).replace(/Subject: \d+/g, ''));
      }
      expect(results[0]).toBe(results[1]);
    }),
    { numRuns },
  );
}, 600_000);
