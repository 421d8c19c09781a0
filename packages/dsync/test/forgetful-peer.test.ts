import type { Uid } from '@dsyncd/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Fault, ForgetfulPair, type SyncType } from './forgetful-peer.ts';
import { deliverText, inboxOf, textsOf } from './mails.ts';
import { type SimHost, World } from './world.ts';

/** How often the law is tried; LAW_RUNS for a long night. */
const numRuns = Number(process.env.LAW_RUNS ?? 150);
const roundsMax = 12;

type Change =
  | { readonly type: 'deliver'; readonly host: number }
  | { readonly type: 'expunge'; readonly host: number; readonly mail: number };
type Action =
  | Change
  | { readonly type: 'forget' }
  | { readonly type: 'lose states' }
  | {
      readonly type: 'sync';
      readonly leader: number;
      readonly kind: SyncType;
      readonly cutAfter: number | undefined;
      readonly refused: readonly boolean[] | undefined;
      readonly meanwhile: { readonly atCall: number; readonly change: Change } | undefined;
    };

const host = fc.nat(1);
const delivery = fc.record({ type: fc.constant('deliver' as const), host });
const expunge = fc.record({ type: fc.constant('expunge' as const), host, mail: fc.nat(8) });
const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 3, arbitrary: delivery },
  { weight: 1, arbitrary: expunge },
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: delivery },
  { weight: 2, arbitrary: expunge },
  { weight: 1, arbitrary: fc.constantFrom<Action>({ type: 'forget' }, { type: 'lose states' }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('sync' as const),
      leader: host,
      kind: fc.constantFrom<SyncType>('incremental', 'normal', 'full'),
      cutAfter: fc.option(fc.nat(25), { nil: undefined }),
      refused: fc.option(fc.array(fc.boolean(), { maxLength: 8 }), { nil: undefined }),
      meanwhile: fc.option(fc.record({ atCall: fc.integer({ min: 1, max: 8 }), change }), { nil: undefined }),
    }),
  },
);

/** Plays a story, and watches that no host loses a mail that nobody expunged. */
class Story {
  readonly world: World;
  readonly #pair: ForgetfulPair;
  readonly #expunged = new Set<string>();
  /** By our host, which keeps every record. */
  readonly expungedHere = new Set<string>();
  readonly #delivered: string[] = [];

  private constructor(world: World) {
    this.world = world;
    this.#pair = new ForgetfulPair(world.host(0), world.host(1));
  }

  static async begin(): Promise<Story> {
    return new Story(await new World(2).open());
  }

  get wanted(): readonly string[] {
    return this.#delivered.filter((text) => !this.#expunged.has(text)).sort();
  }

  async play(actions: readonly Action[]): Promise<void> {
    for (const next of actions) {
      const before = await this.#texts();
      await this.#do(next);
      const after = await this.#texts();
      for (const [index, texts] of before.entries()) {
        const lost = texts.filter((text) => !after[index]?.includes(text) && !this.#expunged.has(text));
        expect(lost, `lost on host ${index} by ${JSON.stringify(next)}`).toEqual([]);
      }
    }
  }

  async #texts(): Promise<readonly string[][]> {
    return Promise.all(this.world.hosts.map((each) => textsOf(each)));
  }

  async #do(next: Action): Promise<void> {
    if (next.type === 'forget') await this.#pair.forget();
    else if (next.type === 'lose states') this.#pair.loseStates();
    else if (next.type === 'deliver' || next.type === 'expunge') await this.#change(next);
    else {
      const { leader, kind, cutAfter, refused, meanwhile } = next;
      const fault: Fault = {
        cutAfter,
        refused,
        meanwhile:
          meanwhile === undefined
            ? undefined
            : { atCall: meanwhile.atCall, action: () => this.#change(meanwhile.change) },
      };
      await this.#pair.sync(this.world.host(leader), kind, fault);
    }
  }

  async #change(next: Change): Promise<void> {
    const at = this.world.host(next.host);
    if (next.type === 'deliver') {
      const text = `mail ${this.#delivered.length}`;
      this.#delivered.push(text);
      await deliverText(at, text);
    } else await this.#expunge(at, next.mail);
  }

  async #expunge(at: SimHost, index: number): Promise<void> {
    const inbox = await inboxOf(at);
    const mails = await inbox.mails(1 as Uid, 1000);
    const mail = mails[index % Math.max(mails.length, 1)];
    if (mail === undefined) return;
    const parts: Uint8Array[] = [];
    for await (const part of await inbox.body(mail.uid)) parts.push(part);
    const text = Buffer.concat(parts).toString();
    this.#expunged.add(text);
    if (at === this.#pair.ours) this.expungedHere.add(text);
    await inbox.apply([{ type: 'expunge', uid: mail.uid }]);
  }

  /** Syncs without faults until both hosts are equal and content. */
  async settle(): Promise<void> {
    for (let round = 0; round < roundsMax; round++) {
      const leader = this.world.host(round);
      const isContent = await this.#pair.sync(leader, 'full');
      const [here, there] = await this.#texts();
      if (isContent && JSON.stringify(here) === JSON.stringify(there)) return;
    }
    throw new Error(`not equal after ${roundsMax} syncs: ${JSON.stringify(await this.#texts())}`);
  }
}

test('no mail is lost or doubled without a record of an expunge, whatever a forgetful peer saves and a link cuts off', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 1, maxLength: 30, size: 'max' }), async (actions) => {
      const story = await Story.begin();
      await story.play(actions);
      await story.settle();
      for (const each of story.world.hosts) {
        const texts = await textsOf(each);
        expect(texts).toEqual([...new Set(texts)]);
        expect(texts).toEqual(expect.arrayContaining([...story.wanted]));
        // A mail that comes during a sync may take the UID of another one, which both then know by different UIDs.
        const isCalm = actions.every((each) => each.type !== 'sync' || each.meanwhile === undefined);
        if (isCalm) expect(texts.filter((text) => story.expungedHere.has(text))).toEqual([]);
      }
    }),
    { numRuns },
  );
}, 600_000);
