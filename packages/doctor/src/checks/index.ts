import type { ChannelCheck, HostCheck } from '../check.ts';
import { ownCertificate, ownCertificateFile, peerCertificate } from './certificates.ts';
import { clocks } from './clocks.ts';
import { freeSpace, stateFolder } from './folders.ts';
import { hostNames } from './host-names.ts';
import { mailLocks } from './locks.ts';
import { mailboxes } from './mailboxes.ts';
import { notifyPlaces } from './notify-places.ts';
import { notifyProtocols } from './notify-protocols.ts';
import { ownListener } from './own-listener.ts';
import { notOurselves, peerLogin, wayBack } from './peer.ts';
import { quotaDict } from './quota.ts';
import { sshOption } from './ssh-option.ts';
import { fifoHeld, scanSees } from './unheard-changes.ts';
import { anyUser, userAgreement, userList } from './users.ts';
import { versions } from './versions.ts';

/** In the order in which they are told: what explains the others comes first. */
export const hostChecks: readonly HostCheck[] = [
  stateFolder,
  freeSpace,
  notifyProtocols,
  notifyPlaces,
  fifoHeld,
  userList,
  scanSees,
  mailLocks,
  quotaDict,
  ownListener,
  ownCertificate,
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

/** Those of them that a running dsyncd can afford every half minute; two look at less than doctor does. */
export const watchedHostChecks: readonly HostCheck[] = [
  stateFolder,
  freeSpace,
  notifyProtocols,
  notifyPlaces,
  anyUser,
  ownCertificateFile,
];

export const watchedChannelChecks: readonly ChannelCheck[] = [peerLogin, clocks];
