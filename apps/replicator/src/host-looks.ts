import { X509Certificate } from 'node:crypto';
import { access, constants, readFile, statfs } from 'node:fs/promises';
import type { Config } from '@dsyncd/config';
import type { UserName } from '@dsyncd/core';
import type { HostLook } from '@dsyncd/replicator';

/** Below it syncs and deliveries soon stop. */
const freeShareMin = 0.02;

/** What this host needs in order to replicate, each with what to do when it is not there. */
export const hostLooks = (
  config: () => Config,
  users: () => AsyncIterable<UserName>,
  now: () => number,
): readonly HostLook[] => [
  {
    check: 'state-dir',
    remedy: 'give the folder to the user of dsyncd',
    look: () => unwritable(config().stateDir),
  },
  {
    check: 'notify-places',
    remedy: 'make the folder, and let the user of dsyncd read and write there',
    look: () => unwritable(config().notifySpoolDir),
  },
  {
    check: 'disk',
    remedy: 'free space: a full disk stops syncs and deliveries (nothing is lost by it)',
    look: () => fullDisk(config().stateDir),
  },
  {
    check: 'certificate',
    remedy: 'renew it, and reload dsync-server and dsyncd',
    look: () => expiredCertificate(config().ssl.serverCertFile, now()),
  },
  {
    check: 'users',
    remedy: 'let the user of dsyncd read the folder of mail_home',
    async look() {
      // A Dovecot with many users is not asked for all of them so often.
      if (config().mailEngine !== 'builtin') return undefined;
      // The first one shows that they can be listed.
      for await (const _ of users()) break;
      return undefined;
    },
  },
];

async function unwritable(folder: string): Promise<string | undefined> {
  await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
  return undefined;
}

async function fullDisk(folder: string): Promise<string | undefined> {
  const { blocks, bavail, files, ffree } = await statfs(folder);
  const share = Math.min(blocks === 0 ? 1 : bavail / blocks, files === 0 ? 1 : ffree / files);
  return share < freeShareMin ? `${folder} has ${(share * 100).toFixed(1)} % free` : undefined;
}

async function expiredCertificate(file: string | undefined, now: number): Promise<string | undefined> {
  if (file === undefined) return undefined;
  const { validTo } = new X509Certificate(await readFile(file));
  return Date.parse(validTo) < now ? `the certificate ${file} has expired on ${validTo}` : undefined;
}
