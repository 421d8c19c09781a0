import { stat } from 'node:fs/promises';
import { indexFile } from './home-files.ts';

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
