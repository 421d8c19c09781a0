import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  applyPlan,
  findObstacles,
  type Journal,
  type Machine,
  type Material,
  makePlan,
  type Place,
  readJournal,
  type Undone,
  undoJournal,
} from '../src/index.ts';
import { mx1, mx2, placeIn } from './rig.ts';

const material: Material = {
  authority: 'AUTHORITY',
  certificate: 'CERT',
  privateKey: 'KEY',
  secret: 'f'.repeat(64),
};
const machine: Machine = {
  disableUnit: async () => {},
  endProgram: async () => true,
  reloadDovecot: async () => {},
  reloadSshd: async () => {},
};

let root: string;
let place: Place;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'dsyncd-pair-'));
  place = placeIn(root);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const planned = (hasSample = false) => makePlan({ own: mx1, peer: mx2, place, hasSample });
const apply = (hasSample = false): Promise<Journal> =>
  applyPlan(planned(hasSample), material, { journalFile: place.journal, owner: undefined, now: 0 });
const undo = async (): Promise<readonly Undone[]> => {
  const journal = await readJournal(place.journal);
  if (journal === undefined) throw new Error('there is no journal');
  return undoJournal(journal, place.journal, machine);
};
const paths = async (): Promise<readonly string[]> => (await readdir(root, { recursive: true })).sort();

describe('what a pairing makes on a host', () => {
  it('is undone without a trace', async () => {
    await apply();
    expect(await readFile(place.files.secret, 'utf8')).toBe(`${material.secret}\n`);
    await undo();
    expect(await paths()).toEqual([]);
  });

  it('is readable for others only where it is no secret', async () => {
    await apply();
    const modes: Record<string, string> = {};
    for (const name of await readdir(join(root, 'etc/dsyncd')))
      modes[name] = ((await stat(join(root, 'etc/dsyncd', name))).mode & 0o777).toString(8);
    expect(modes).toEqual({
      'ca.pem': '644',
      'dsyncd.toml': '640',
      'host.key': '600',
      'host.pem': '644',
      'pair.json': '600',
      secret: '600',
    });
    const journal = await readFile(place.journal, 'utf8');
    expect(journal).not.toContain(material.secret);
  });

  it('stays where it was changed since, and is named', async () => {
    await apply();
    await writeFile(place.configFile, '# mine\n');
    const results = await undo();
    expect(results).toContainEqual({ what: place.configFile, result: 'kept', why: 'it was changed since' });
    expect(await paths()).toEqual(['etc', 'etc/dsyncd', 'etc/dsyncd/dsyncd.toml']);
    expect(await readFile(place.configFile, 'utf8')).toBe('# mine\n');
  });

  it('keeps mail, and the folders that were there before', async () => {
    await mkdir(place.mailDir, { recursive: true });
    await apply();
    await mkdir(join(place.mailDir, 'ann'));
    await undo();
    expect(await paths()).toEqual(['srv', 'srv/mail', 'srv/mail/ann']);
  });

  it('puts the sample of the package aside, and back', async () => {
    await mkdir(join(root, 'etc/dsyncd'), { recursive: true });
    await writeFile(place.configFile, '# sample\n');
    await chmod(place.configFile, 0o644);
    await apply(true);
    expect(await readFile(place.configFile, 'utf8')).toContain('hostname = "mx1.example.com"');
    await undo();
    expect(await readFile(place.configFile, 'utf8')).toBe('# sample\n');
    expect(await paths()).toEqual(['etc', 'etc/dsyncd', 'etc/dsyncd/dsyncd.toml']);
  });

  it('never takes the place of a file that is there', async () => {
    await mkdir(join(root, 'etc/dsyncd'), { recursive: true });
    await writeFile(place.files.privateKey, 'mine');
    expect(await findObstacles(planned())).toEqual([place.files.privateKey]);
    await expect(apply()).rejects.toMatchObject({ code: 'DSYNCD_PAIR_TAKEN' });
    await undo();
    expect(await paths()).toEqual(['etc', 'etc/dsyncd', 'etc/dsyncd/host.key']);
    expect(await readFile(place.files.privateKey, 'utf8')).toBe('mine');
  });
});

describe('links into the folder of Dovecot', () => {
  it.each([
    ['goes', '/run/dsyncd/x', 'removed'],
    ['stays when it leads elsewhere', '/elsewhere', 'missing'],
  ])('%s', async (_what, target, result) => {
    const journal = await apply();
    const path = join(root, 'x');
    await symlink(target, path);
    const entries = [{ kind: 'link', path, target: '/run/dsyncd/x' }] as const;
    expect(await undoJournal({ ...journal, entries }, place.journal, machine)).toEqual([
      { what: path, result },
    ]);
    expect((await readdir(root)).includes('x')).toBe(result === 'missing');
  });
});

describe('a pairing that was cut', () => {
  /** Everything that was there at the end of each step of writing, as a kill leaves it: by taking files away, last first. */
  it.each([0, 1, 2, 3, 4, 5])('is undone when only %i of its files were written', async (count) => {
    const { entries } = await apply();
    const files = entries.filter((entry) => entry.kind === 'file');
    for (const { path } of files.slice(count)) await rm(path);
    // One was being written.
    const next = files[count];
    if (next !== undefined) await writeFile(next.path.replace(/([^/]+)$/, '.$1.dsyncd-pair'), 'half');
    await undo();
    expect(await paths()).toEqual([]);
  });

  it('is undone before the sample was put aside', async () => {
    await mkdir(join(root, 'etc/dsyncd'), { recursive: true });
    await writeFile(place.configFile, '# sample\n');
    await apply(true);
    for (const path of planned().files) await rm(path.path);
    await rm(`${place.configFile}.before-pair`);
    await writeFile(place.configFile, '# sample\n');
    await undo();
    expect(await readFile(place.configFile, 'utf8')).toBe('# sample\n');
  });
});
