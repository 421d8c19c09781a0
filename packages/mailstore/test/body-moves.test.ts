import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bodyFolder, tmpFolder } from '../src/maildir/names-on-disk.ts';
import { BodyMoves, bodyPath } from '../src/maildir/worker/body-files.ts';

test('a move that cannot be taken back keeps no other one from it', () => {
  const home = mkdtempSync(join(tmpdir(), 'body-moves-'));
  try {
    mkdirSync(tmpFolder(home), { recursive: true });
    mkdirSync(bodyFolder(home, ''), { recursive: true });
    const moves = new BodyMoves(home);
    const bodies = ['a', 'b', 'c'].map((guid) => {
      const path = join(tmpFolder(home), guid);
      writeFileSync(path, guid);
      return { guid, path };
    });
    const name = (guid: string) => ({ receivedAt: 1, guid, uid: 1, size: 1 });
    for (const { guid, path } of bodies) moves.place({ path, size: 1, virtualSize: 1 }, '', name(guid));
    rmSync(bodyPath(home, '', name('c')));
    moves.undo();
    expect(bodies.map(({ path }) => existsSync(path))).toEqual([true, true, false]);
  } finally {
    rmSync(home, { recursive: true });
  }
});
