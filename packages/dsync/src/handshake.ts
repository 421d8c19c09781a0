import { DsyncdError } from '@dsyncd/core';
import type { Handshake } from '@dsyncd/protocol';
import type { BrainOptions, MasterOptions } from './options.ts';
import { ourFeatures, type Session } from './session.ts';

/** What our side says first. */
export function handshakeOf(session: Session, options: BrainOptions & Partial<MasterOptions>): Handshake {
  const features: string[] = [...ourFeatures];
  if (session.isDryRun) features.push('dry-run-now');
  if (!session.isMaster) return { type: 'handshake', hostname: options.hostname, features };
  return {
    type: 'handshake',
    hostname: options.hostname,
    syncType: session.syncType,
    lockTimeoutSecs: Math.max(1, Math.round(options.lockTimeoutMs / 1000)),
    sendMailRequests: true,
    ...(options.mailbox === undefined ? {} : { syncBox: options.mailbox.join('/') }),
    features,
  };
}

export async function receiveHandshake(session: Session): Promise<Handshake> {
  const handshake = await session.next('handshake');
  if (handshake === undefined) throw session.unexpected({ type: 'end' }, 'handshake');
  return handshake;
}

/** What a Dovecot can ask for and we do not do. */
export function checkWishes(session: Session, peer: Handshake): void {
  const refused = (
    [
      ['a sync without mail requests', peer.sendMailRequests !== true],
      ['a backup (one-way sync that deletes)', (peer.backupSend || peer.backupRecv) === true],
      ['a sync without mails', peer.noMailSync === true],
      [
        'a sync of some mails only',
        [peer.syncSinceTimestamp, peer.syncUntilTimestamp, peer.syncMaxSize, peer.syncFlags].some(
          (wish) => wish !== undefined,
        ),
      ],
    ] as const
  ).find(([, isWished]) => isWished);
  if (refused === undefined) return;
  throw new DsyncdError('DSYNCD_UNSUPPORTED', `${session.stream.peerName} asks for ${refused[0]}`, {
    outcome: 'operator',
    hint: 'use a plain two-way sync, as the replicator does',
  });
}

export const cannotDryRun = (session: Session): DsyncdError =>
  new DsyncdError('DSYNCD_UNSUPPORTED', `${session.stream.peerName} cannot do a dry run: it is no dsyncd`, {
    outcome: 'operator',
    hint: 'leave --dry-run out',
  });
