import type { ChannelConfig, Config } from '@dsyncd/config';
import { type ChannelCheck, type HostCheck, type Result, runChannelCheck, runHostCheck } from './check.ts';
import { clocks, hostNames, versions } from './checks/both-ends.ts';
import { ownCertificate, ownCertificateFile, peerCertificate } from './checks/certificates.ts';
import { confinement } from './checks/confinement.ts';
import { feedConsumers } from './checks/consumers.ts';
import { deliveries } from './checks/deliveries.ts';
import { notifyProtocols, sshOption } from './checks/dovecot-settings.ts';
import { freeSpace, stateFolder } from './checks/folders.ts';
import { mailLocks } from './checks/locks.ts';
import { mailboxes } from './checks/mailboxes.ts';
import { fifoHeld, notifyPlaces, scanSees } from './checks/notify-places.ts';
import { ownListener } from './checks/own-listener.ts';
import { notOurselves, peerLogin, wayBack } from './checks/peer.ts';
import { quotaDict } from './checks/quota.ts';
import { anyUser, userAgreement, userList } from './checks/users.ts';
import { openScene, type SceneOptions } from './scene.ts';

/** In the order of the report: what explains the others comes first. */
export const hostChecks: readonly HostCheck[] = [
  stateFolder,
  freeSpace,
  deliveries,
  notifyProtocols,
  notifyPlaces,
  confinement,
  fifoHeld,
  userList,
  scanSees,
  mailLocks,
  quotaDict,
  ownListener,
  ownCertificate,
  feedConsumers,
];

export const channelChecks: readonly ChannelCheck[] = [
  notOurselves,
  peerLogin,
  peerCertificate,
  hostNames,
  versions,
  sshOption,
  clocks,
  userAgreement,
  mailboxes,
  wayBack,
];

/** Those of them that a running dsyncd can afford every half minute; two check less than doctor does. */
export const watchedHostChecks: readonly HostCheck[] = [
  stateFolder,
  freeSpace,
  deliveries,
  notifyProtocols,
  notifyPlaces,
  anyUser,
  ownCertificateFile,
];

export const watchedChannelChecks: readonly ChannelCheck[] = [peerLogin, clocks];

/** A check that hangs is cut off after it; the others are not held up. */
const timeoutMs = 15_000;

/**
 * What a running dsyncd checks all the time: the checks that cost little, however many users there are.
 * Answers the problems alone; warnings are shown by `dsyncadm doctor` only.
 */
export async function findProblems(
  config: Config,
  known: Pick<SceneOptions, 'clock' | 'version' | 'dsyncds'>,
): Promise<readonly Result[]> {
  const scene = openScene({ config, ...known, signal: AbortSignal.timeout(timeoutMs) });
  try {
    const results = await Promise.all([
      ...watchedHostChecks.map((check) => runHostCheck(check, scene)),
      ...config.channels.flatMap((channel: ChannelConfig) =>
        watchedChannelChecks.map((check) => runChannelCheck(check, scene, channel)),
      ),
    ]);
    return results.flat().filter(({ severity }) => severity === 'problem');
  } finally {
    scene.close();
  }
}
