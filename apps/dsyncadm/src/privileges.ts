import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Root becomes the owner of the mail for the rest of the program, as the services that share the
 * files could not read what root makes. Others stay who they are.
 *
 * @param folder - where the mail is; where it does not exist yet, the nearest folder above counts
 */
export async function becomeOwnerOf(folder: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  const { uid, gid } = await nearestFolder(folder);
  if (uid === 0) return;
  process.setgroups?.([gid]);
  process.setgid?.(gid);
  process.setuid?.(uid);
}

async function nearestFolder(folder: string): Promise<{ readonly uid: number; readonly gid: number }> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      return await stat(path);
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isMissing || path === dirname(path)) throw error;
    }
  }
}
