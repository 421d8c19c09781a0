import { createHash } from 'node:crypto';
import { type Direction, FaultyLink, type MailSnapshot, seededRandom } from '@dsyncd/testkit';
import { differences } from './scene.ts';
import { UserSyncs } from './user-syncs.ts';
import type { Leader, World } from './world.ts';

/** What was before the sync that is cut. */
export const pasts = ['nothing', 'a sync', 'a sync with a state'] as const;
export type Past = (typeof pasts)[number];

export interface CutCase {
  readonly leader: Leader;
  readonly past: Past;
  /** Chooses mails and actions: the same seed makes syncs of the same length. */
  readonly sceneSeed: number;
}

/** Where a sync is cut. */
export interface Cut {
  readonly direction: Direction;
  readonly afterBytes: number;
}

/** What was found after a run; all zeros is how it has to be. */
export interface CutReport {
  readonly lost: number;
  readonly doubled: number;
  /** Expunged, and there again or still. */
  readonly cameBack: number;
  readonly different: readonly string[];
  /** Syncs after the cut until both sides were equal. */
  readonly rounds: number;
  readonly failures: readonly string[];
}

const roundsMax = 12;
const hashOf = (body: Buffer): string =>
  createHash('sha256').update(body.toString().replaceAll('\r\n', '\n')).digest('hex');
/** Every mail has a body of its own: its hash stands at the end of its line. */
const bodiesOf = ({ mailboxes }: MailSnapshot): readonly string[] =>
  [...mailboxes.values()].flatMap(({ mails }) => mails.map((line) => line.split('body=').at(-1) ?? ''));

/** One user with mail on both hosts, actions on both, and a sync that is to be cut. */
export class CutScene {
  readonly #world: World;
  readonly #user: string;
  readonly #case: CutCase;
  readonly #syncs: UserSyncs;
  /** Hashes of mails that both hosts have to have in the end, and of those that were expunged. */
  readonly #wanted = new Set<string>();
  readonly #expunged = new Set<string>();
  #mails = 0;

  constructor(world: World, user: string, cutCase: CutCase) {
    this.#world = world;
    this.#user = user;
    this.#case = cutCase;
    const keepsState = cutCase.past === 'a sync with a state';
    this.#syncs = new UserSyncs(world, { user, leader: cutCase.leader, keepsState });
  }

  async prepare(): Promise<void> {
    const random = seededRandom(this.#case.sceneSeed);
    const mails = (count: number): Buffer[] =>
      Array.from({ length: count }, () => this.#newMail(Math.floor(random.fraction() * 60)));
    await this.#world.addUser(this.#user);
    const { ours, theirs } = this.#world.sides(this.#user);
    if (this.#case.past !== 'nothing') {
      const early = mails(4);
      await ours.save('INBOX', early);
      await theirs.create('Work');
      await theirs.save('Work', mails(1));
      await this.#untilEqual(this.#syncs.toPort);
      const [expunging, flagging] = random.fraction() < 0.5 ? [ours, theirs] : [theirs, ours];
      const uid = 1 + Math.floor(random.fraction() * 3);
      await expunging.expunge('INBOX', uid);
      this.#noteExpunged(early[uid - 1]);
      await flagging.addFlags('INBOX', 4, ['\\Flagged', 'urgent']);
    }
    await ours.save('INBOX', mails(5));
    await theirs.save('INBOX', mails(2));
    await ours.create('Lists');
    await ours.save('Lists', mails(2));
    await theirs.create('Lists/dsync');
    await theirs.save('Lists/dsync', mails(2));
  }

  #newMail(lines: number): Buffer {
    const text = `Subject: mail ${++this.#mails}\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(lines)}`;
    const mail = Buffer.from(text);
    this.#wanted.add(hashOf(mail));
    return mail;
  }

  #noteExpunged(mail: Buffer | undefined): void {
    if (mail === undefined) throw new Error('no such mail');
    this.#wanted.delete(hashOf(mail));
    this.#expunged.add(hashOf(mail));
  }

  /** Bytes of the sync in both directions when nothing cuts it. */
  async measure(): Promise<Readonly<Record<Direction, number>>> {
    const { toPort } = this.#syncs;
    const link = await FaultyLink.open({ toPort, random: seededRandom(0) });
    try {
      link.heal();
      await this.#syncs.sync(link.port);
      return { ...link.passed };
    } finally {
      await link.close();
    }
  }

  /** Cuts one sync after another, and then lets them through until nothing changes any more. */
  async cut(cuts: readonly Cut[], seed: number): Promise<CutReport> {
    const random = seededRandom(seed);
    const { toPort } = this.#syncs;
    for (const cut of cuts) {
      const fault = random.fraction() < 0.5 ? 'reset' : 'end';
      const link = await FaultyLink.open({ toPort, random, nextFate: () => ({ ...cut, fault }) });
      await this.#syncs.sync(link.port);
      await link.close();
    }
    return this.#audit(await this.#untilEqual(toPort));
  }

  async #untilEqual(port: number): Promise<number> {
    for (let round = 1; ; round++) {
      const isSuccess = await this.#syncs.sync(port);
      if (isSuccess && (await this.#isEqual())) return round;
      if (round === roundsMax) return round;
    }
  }

  async #isEqual(): Promise<boolean> {
    const [here, there] = await this.#lists();
    return differences(here, there).length === 0;
  }

  async #lists(withBodies = false): Promise<readonly [MailSnapshot, MailSnapshot]> {
    const { ours, theirs } = this.#world.sides(this.#user);
    return [await ours.list({ withBodies }), await theirs.list({ withBodies })];
  }

  async #audit(rounds: number): Promise<CutReport> {
    const before = await this.#lists(true);
    // What is right has to stay so when everything is compared once more.
    await this.#syncs.fullSync();
    const after = await this.#lists(true);
    const lists = [...before, ...after].map(bodiesOf);
    const worst = (count: (bodies: readonly string[]) => number): number => Math.max(...lists.map(count));
    return {
      lost: worst((bodies) => [...this.#wanted].filter((hash) => !bodies.includes(hash)).length),
      doubled: worst((bodies) => bodies.length - new Set(bodies).size),
      cameBack: worst((bodies) => bodies.filter((hash) => this.#expunged.has(hash)).length),
      different: [
        ...differences(before[0], before[1]),
        ...differences(after[0], after[1]),
        ...differences(before[0], after[0]),
      ],
      rounds,
      failures: this.#syncs.failures,
    };
  }
}

/** The byte at `position` of a sync, counted through one direction and then the other. */
export const cutAt = (position: number, length: Readonly<Record<Direction, number>>): Cut =>
  position < length.there
    ? { direction: 'there', afterBytes: Math.floor(position) }
    : { direction: 'back', afterBytes: Math.floor(position - length.there) };
