import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  dovecotProblem,
  dovecotVersions,
  FaultyLink,
  type MailSnapshot,
  seededRandom,
} from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { differences } from './support/scene.ts';
import { type Leader, World } from './support/world.ts';

/** Syncs that are cut before one gets through, for each user; CUT_RUNS users a leader, for a long night. */
const runs = Number(process.env.CUT_RUNS ?? 3);
const firstSeed = Number(process.env.CUT_SEED ?? 1);
const mails = 6;
const leaders = ['theirs', 'ours'] as const;
const kinds = ['without a state', 'with a state'] as const;
type Kind = (typeof kinds)[number];
const userOf = (leader: Leader, kind: Kind, run: number): string =>
  `${leader}${kinds.indexOf(kind)}-${run}@example.com`;

const mailOf = (index: number, size: number): Buffer =>
  Buffer.from(`Subject: mail ${index}\r\n\r\n${'x'.repeat(70).concat('\r\n').repeat(size)}`);

/** Every mail has a body of its own: its hash stands at the end of its line. */
const bodiesOf = ({ mailboxes }: MailSnapshot): readonly string[] =>
  [...mailboxes.values()].flatMap((mailbox) => mailbox.mails.map((line) => line.split(' ').at(-1) ?? ''));

/** Syncs of one user, led by one side, with a state as a replicator keeps it: from a success alone. */
class Syncs {
  readonly #world: World;
  readonly #of: { readonly user: string; readonly leader: Leader; readonly kind: Kind };
  #state = '';

  constructor(world: World, of: { user: string; leader: Leader; kind: Kind }) {
    this.#world = world;
    this.#of = of;
  }

  get hasState(): boolean {
    return this.#state !== '';
  }

  async sync(port: number): Promise<void> {
    const { isSuccess, state } =
      this.#of.leader === 'ours' ? await this.#byOurs(port) : await this.#byDoveadm(port);
    if (state === '') this.#state = '';
    else if (isSuccess && this.#of.kind === 'with a state') this.#state = state ?? '';
  }

  /** A failure leaves the state of the success before; an empty one drops it. */
  async #byOurs(port: number): Promise<{ isSuccess: boolean; state: string | undefined }> {
    const { user } = this.#of;
    const { outcome, state } = this.hasState
      ? await this.#world.trySync(port, user, 'incremental', this.#state)
      : await this.#world.trySync(port, user, 'normal');
    return { isSuccess: outcome === 'ok', state };
  }

  async #byDoveadm(port: number): Promise<{ isSuccess: boolean; state: string }> {
    const args = ['sync', '-u', this.#of.user, '-s', this.#state, `tcp:127.0.0.1:${port}`];
    const { status, stdout } = await this.#world.dovecot.tryDoveadm(args);
    return { isSuccess: status === 0, state: status === 0 ? stdout.trim() : '' };
  }
}

for (const version of dovecotVersions)
  for (const mailFormat of ['sdbox', 'maildir'] as const)
    describe.skipIf(dovecotProblem(version) !== undefined)(`Dovecot ${version} with ${mailFormat}`, () => {
      let world: World;
      let folder: string;

      beforeAll(async () => {
        folder = mkdtempSync(join(tmpdir(), 'cut-'));
        const users = leaders.flatMap((leader) =>
          kinds.flatMap((kind) => Array.from({ length: runs }, (_, run) => userOf(leader, kind, run))),
        );
        world = await World.start({ version, mailFormat, users, folder });
        for (const user of users) await world.addUser(user);
      });

      afterAll(async () => {
        await world.stop();
        rmSync(folder, { recursive: true });
      });

      const cases = leaders.flatMap((leader) => kinds.map((kind) => ({ leader, kind })));
      for (const { leader, kind } of cases)
        it.each(Array.from({ length: runs }, (_, run) => run))(
          `a sync that is cut loses and doubles nothing, led by ${leader} ${kind}, run %i`,
          async (run) => {
            const seed = firstSeed * 1000 + run;
            const random = seededRandom(seed);
            const user = userOf(leader, kind, run);
            const { ours, theirs } = world.sides(user);
            const all = Array.from({ length: mails }, (_, index) =>
              mailOf(index, Math.floor(random.fraction() * 100)),
            );
            const toPort = leader === 'ours' ? world.dovecot.place.doveadmPort : world.serverPort;
            const syncs = new Syncs(world, { user, leader, kind });
            const early = kind === 'with a state' ? [mailOf(mails + 1, 1), mailOf(mails + 2, 1)] : [];
            await ours.save('INBOX', early);
            if (early.length > 0) await syncs.sync(toPort);
            expect(syncs.hasState).toBe(kind === 'with a state');
            await ours.save('INBOX', all);
            await theirs.save('INBOX', [mailOf(mails, 1)]);
            const link = await FaultyLink.open({
              toPort,
              random,
              nextFate: () => ({
                fault: random.fraction() < 0.5 ? 'reset' : 'end',
                afterBytes: 1000 + Math.floor(random.fraction() * 30_000),
              }),
            });
            try {
              const cuts = 1 + Math.floor(random.fraction() * 3);
              for (let cut = 0; cut < cuts; cut++) await syncs.sync(link.port);
              link.heal();
              for (let round = 0; round < 4; round++) await syncs.sync(link.port);
            } finally {
              await link.close();
            }
            const [here, there] = [
              await ours.list({ withBodies: true }),
              await theirs.list({ withBodies: true }),
            ];
            for (const side of [here, there])
              expect({ seed, mails: bodiesOf(side).length, different: new Set(bodiesOf(side)).size }).toEqual(
                {
                  seed,
                  mails: mails + 1 + early.length,
                  different: mails + 1 + early.length,
                },
              );
            expect(differences(here, there)).toEqual([]);
          },
        );
    });
