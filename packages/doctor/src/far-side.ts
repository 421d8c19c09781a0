import { type Clock, DsyncdError } from '@dsyncd/core';
import { decodePeerAbout, decodeUserList, type PeerAbout, peerQuestionWords } from '@dsyncd/protocol';
import type { Doveadm } from './doveadm.ts';
import { NotCheckable } from './finding.ts';

/** What can be asked of the host at the other end of a channel. Each rejects with {@link NotCheckable} where nobody answers that. */
export interface FarSide {
  /** `Dovecot 2.3`, `dsyncd 0.1.0`. */
  readonly version: string;
  readonly kind: 'dovecot' | 'dsyncd';
  readonly doveadm: Doveadm;
  users(): Promise<readonly string[]>;
  /** How far its clock is ahead of ours, and how wrong that may be, in milliseconds. */
  clock(): Promise<{ readonly aheadMs: number; readonly errorMs: number }>;
  /** What it calls itself in a sync, and where it replicates to. */
  about(): Promise<PeerAbout>;
}

/**
 * Logs in at the other end and finds out what it is.
 * @param isDsyncd - what was found out before: each kind complains in its log of what only the other one is asked
 * @throws {DsyncdError} why it cannot be reached, or why it does not let us in.
 */
export async function openFarSide(doveadm: Doveadm, clock: Clock, isDsyncd = false): Promise<FarSide> {
  if (isDsyncd) return farDsyncd(doveadm, clock);
  const minor = await doveadm.serverMinor();
  return minor > 0 ? farDovecot(doveadm, minor, clock) : farDsyncd(doveadm, clock);
}

function farDovecot(doveadm: Doveadm, minor: number, clock: Clock): FarSide {
  return {
    // Nothing answers with the exact version; the protocol differs between 2.3 and 2.4.
    version: minor >= 3 ? 'Dovecot 2.4' : 'Dovecot 2.3',
    kind: 'dovecot',
    doveadm,
    users: () => usersOf(doveadm),
    clock: () => clockOfDovecot(doveadm, clock),
    about: () => Promise.reject(new NotCheckable('a Dovecot does not answer that')),
  };
}

function farDsyncd(doveadm: Doveadm, clock: Clock): Promise<FarSide> {
  const ask = async (): Promise<PeerAbout | undefined> => {
    const { fields } = await doveadm.ask({ words: peerQuestionWords.about });
    return decodePeerAbout(fields.join('\t'));
  };
  const about = async (): Promise<PeerAbout> => {
    const answer = await ask().catch(() => undefined);
    if (answer === undefined)
      throw new NotCheckable('the dsync server there is of an older version, which does not answer that');
    return answer;
  };
  return ask()
    .catch((error: unknown) => {
      if (error instanceof DsyncdError && error.code === 'DSYNCD_DOVEADM_REFUSED') return undefined;
      throw error;
    })
    .then((first) => ({
      version: `dsyncd ${first?.version ?? 'of an older version'}`,
      kind: 'dsyncd',
      doveadm,
      users: () => usersOf(doveadm),
      about,
      async clock() {
        const sentAt = clock.now();
        const { now } = await about();
        const halfMs = (clock.now() - sentAt) / 2;
        return { aheadMs: Math.round(now - sentAt - halfMs), errorMs: Math.ceil(halfMs) };
      },
    }));
}

/** Dovecot and dsyncd answer this in the same way. */
async function usersOf(doveadm: Doveadm): Promise<readonly string[]> {
  const { fields } = await doveadm.ask({ words: peerQuestionWords.users });
  const users = decodeUserList(fields.join('\t'));
  if (users === undefined) throw new NotCheckable(`${doveadm.name} does not list its users`);
  return users;
}

/** Columns of `doveadm process status`. */
const processColumns = 7;
const lastStatusColumn = 5;

/**
 * The process that answers has just reported to its master that it has work, and `process status` says when:
 * the only clock that a Dovecot shows without writing anything. It has whole seconds.
 */
async function clockOfDovecot(doveadm: Doveadm, clock: Clock): ReturnType<FarSide['clock']> {
  const sentAt = clock.now();
  const { fields } = await doveadm.ask({ words: ['process status'] });
  const elapsedMs = clock.now() - sentAt;
  let latest = 0;
  for (let row = 0; row + processColumns <= fields.length; row += processColumns)
    if (fields[row] === 'doveadm') latest = Math.max(latest, Number(fields[row + lastStatusColumn]));
  if (!(latest > 0)) throw new NotCheckable('process status of the Dovecot there does not show the time');
  return {
    aheadMs: Math.round(latest * 1000 + 500 - sentAt - elapsedMs / 2),
    errorMs: Math.ceil(1000 + elapsedMs / 2),
  };
}
