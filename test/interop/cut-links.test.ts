import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Direction, dovecotProblem, dovecotVersions, seededRandom } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Cut, type CutCase, CutScene, cutAt, pasts } from './support/cut-run.ts';
import { type Leader, World } from './support/world.ts';

/**
 * Every sync is cut once at least, at a byte of its own: the runs with one past cover the whole length evenly, both
 * directions after one another. test/storm/cuts.mjs does as many as wanted: as many as there are bytes, if need be.
 */
const environment = process.env;
const runs = Number(environment.CUT_RUNS ?? pasts.length);
const firstSeed = Number(environment.CUT_SEED ?? 1);
const chosen = <T extends string>(all: readonly T[], wish = ''): readonly T[] =>
  wish === '' ? all : all.filter((one) => wish.split(',').includes(one));
const versions = chosen(dovecotVersions, environment.CUT_VERSIONS);
const formats = chosen(['sdbox', 'maildir'] as const, environment.CUT_FORMATS);
const leaders = chosen<Leader>(['theirs', 'ours'], environment.CUT_LEADERS);
const runOnly = environment.CUT_ONLY === undefined ? undefined : Number(environment.CUT_ONLY);
const again = 0.3;

const userOf = (leader: Leader, run: number | string): string => `${leader}-${run}@example.com`;
/** Whose sync is not cut. */
const measured = (past: number): string => `whole${past}`;
const numbers = Array.from({ length: runs }, (_, run) => run).filter((run) => (runOnly ?? run) === run);

describe.each(versions.flatMap((version) => formats.map((mailFormat) => ({ version, mailFormat }))))(
  'Dovecot $version with $mailFormat',
  ({ version, mailFormat }) => {
    const isSkipped = dovecotProblem(version) !== undefined;
    const lengths = new Map<string, Readonly<Record<Direction, number>>>();
    let world: World;
    let folder: string;

    beforeAll(async () => {
      if (isSkipped) return;
      folder = mkdtempSync(join(tmpdir(), 'cut-'));
      const names = [...numbers, ...[...pasts.keys()].map(measured)];
      const users = leaders.flatMap((leader) => names.map((name) => userOf(leader, name)));
      world = await World.start({ version, mailFormat, users, folder });
    });

    afterAll(async () => {
      if (isSkipped) return;
      await world.stop();
      rmSync(folder, { recursive: true });
    });

    async function lengthOf(cutCase: CutCase): Promise<Readonly<Record<Direction, number>>> {
      const name = `${cutCase.leader} ${cutCase.past}`;
      const known = lengths.get(name);
      if (known !== undefined) return known;
      const scene = new CutScene(
        world,
        userOf(cutCase.leader, measured(pasts.indexOf(cutCase.past))),
        cutCase,
      );
      await scene.prepare();
      const length = await scene.measure();
      lengths.set(name, length);
      return length;
    }

    async function cutsOf(run: number, seed: number, cutCase: CutCase): Promise<readonly Cut[]> {
      const random = seededRandom(seed);
      const length = await lengthOf(cutCase);
      const whole = length.there + length.back;
      const [index, count] = [Math.floor(run / pasts.length), Math.ceil(runs / pasts.length)];
      const cuts = [cutAt(((index + random.fraction()) / count) * whole, length)];
      while (random.fraction() < again) cuts.push(cutAt(random.fraction() * whole, length));
      return cuts;
    }

    const table = leaders.flatMap((leader) => numbers.map((run) => ({ leader, run })));
    test.skipIf(isSkipped).each(table)(
      'a sync that is cut loses and doubles nothing, led by $leader, run $run',
      async ({ leader, run }) => {
        const seed = firstSeed * 100_000 + run;
        const past = pasts[run % pasts.length] ?? 'nothing';
        const cutCase = { leader, past, sceneSeed: firstSeed * 10 + pasts.indexOf(past) };
        const cuts = await cutsOf(run, seed, cutCase);
        const scene = new CutScene(world, userOf(leader, run), cutCase);
        await scene.prepare();
        const report = await scene.cut(cuts, seed);
        const { CUT_REPORT: file } = environment;
        if (file !== undefined)
          appendFileSync(
            file,
            `${JSON.stringify({ version, mailFormat, leader, past, seed, cuts, ...report })}\n`,
          );
        const { lost, doubled, cameBack, different, failures } = report;
        expect({ lost, doubled, cameBack, different }, JSON.stringify({ past, cuts, failures })).toEqual({
          lost: 0,
          doubled: 0,
          cameBack: 0,
          different: [],
        });
      },
    );
  },
);
