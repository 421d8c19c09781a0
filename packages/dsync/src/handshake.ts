import { DsyncdError } from '@dsyncd/core';
import type { SyncLock } from '@dsyncd/mailstore';
import type { Handshake } from '@dsyncd/protocol';
import type { BrainOptions, MasterOptions, OneWay } from './options.ts';
import { ourFeatures, type Session, type Terms } from './session.ts';

/** What the slave says first. */
export const slaveHandshake = ({ hostname }: BrainOptions): Handshake => ({
  type: 'handshake',
  hostname,
  features: [...ourFeatures],
});

/** What the master says first; its terms hold. */
export function masterHandshake(options: MasterOptions, terms: Terms): Handshake {
  const features: string[] = [...ourFeatures];
  if (terms.isDryRun) features.push('dry-run-now');
  return {
    type: 'handshake',
    hostname: options.hostname,
    syncType: terms.syncType,
    lockTimeoutSecs: Math.max(1, Math.round(options.lockTimeoutMs / 1000)),
    sendMailRequests: true,
    ...oneWayFields(terms.oneWay),
    syncBox: options.mailbox?.join('/'),
    features,
  };
}

/** The handshake speaks of the slave's side: where we send, it receives. */
const oneWayFields = (oneWay: OneWay | undefined): Partial<Handshake> =>
  oneWay === undefined
    ? {}
    : {
        ...(oneWay.direction === 'send' ? { backupRecv: true } : { backupSend: true }),
        noBackupOverwrite: !oneWay.overwrites,
      };

/** What a master's handshake asks for, as the slave sees it. */
export const termsAskedBy = (master: Handshake): Terms => ({
  syncType: master.syncType ?? 'full',
  isDryRun: master.features?.includes('dry-run-now') === true,
  oneWay: oneWayOf(master),
});

const oneWayOf = ({ backupSend, backupRecv, noBackupOverwrite }: Handshake): OneWay | undefined =>
  backupSend === true || backupRecv === true
    ? { direction: backupSend === true ? 'send' : 'receive', overwrites: noBackupOverwrite !== true }
    : undefined;

export async function receiveHandshake(session: Session): Promise<Handshake> {
  const handshake = await session.next('handshake');
  if (handshake === undefined) throw session.unexpected({ type: 'end' }, 'handshake');
  return handshake;
}

/** Refuses what a Dovecot can ask for and this engine does not do. */
export function refuseUnsupported(session: Session, peer: Handshake): void {
  const refused = (
    [
      ['a sync without mail requests', peer.sendMailRequests !== true],
      ['a sync without mails', peer.noMailSync === true],
      [
        'a sync of some mails only',
        [peer.syncSinceTimestamp, peer.syncUntilTimestamp, peer.syncMaxSize, peer.syncFlags].some(
          (value) => value !== undefined,
        ),
      ],
    ] as const
  ).find(([, isAsked]) => isAsked);
  if (refused === undefined) return;
  throw new DsyncdError('DSYNCD_UNSUPPORTED', `${session.stream.peerName} asks for ${refused[0]}`, {
    outcome: 'operator',
    hint: 'sync without options that leave out mails, as the replicator does',
  });
}

export const cannotDryRun = (session: Session): DsyncdError =>
  new DsyncdError(
    'DSYNCD_UNSUPPORTED',
    `${session.stream.peerName} cannot do a dry run: it is not a dsyncd`,
    {
      outcome: 'operator',
      hint: 'leave --dry-run out',
    },
  );

/**
 * Which side locks the user first: the one with the lesser host name (byte by byte), as in Dovecot.
 * A sync each way at the same time then meets at the same first lock, so neither waits for ever.
 *
 * The first side locks at once and goes on; the second waits for the first one's mailbox tree, which
 * is the sign that it has its lock.
 *
 * @throws {DsyncdError} `DSYNCD_SAME_HOSTNAME` (operator)
 */
function doWeLockFirst(ourHostname: string, peerHostname: string): boolean {
  const order = Buffer.compare(Buffer.from(ourHostname), Buffer.from(peerHostname));
  if (order !== 0) return order < 0;
  throw new DsyncdError('DSYNCD_SAME_HOSTNAME', `both hosts are named ${ourHostname}`, {
    outcome: 'operator',
    hint: 'give each host its own `hostname` in its configuration',
  });
}

/** Takes our lock of the user, when it is our turn. */
export async function lockInOrder(session: Session, options: BrainOptions): Promise<SyncLock> {
  if (!doWeLockFirst(session.hostname, session.peer.hostname)) await session.awaitNext();
  return session.user.lock(options.lockTimeoutMs);
}
