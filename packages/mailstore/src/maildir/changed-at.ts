import { stat } from 'node:fs/promises';
import { indexFile } from './home-files.ts';

/**
 * About how much mail a user has, by the size of the index: some 200 bytes a mail; 0 where there is none. Opens nothing.
 */
export const mailIndexBytes = (home: string): Promise<number> =>
  stat(indexFile(home)).then(
    ({ size }) => size,
    () => 0,
  );

/** When a user's index was last written, in Unix milliseconds; undefined where there is none. Opens nothing. */
export async function mailChangedAt(home: string): Promise<number | undefined> {
  const file = indexFile(home);
  const times = await Promise.all(
    [file, `${file}-wal`].map((path) =>
      stat(path).then(
        ({ mtimeMs }) => mtimeMs,
        () => undefined,
      ),
    ),
  );
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
