import { compareByteTexts } from '@dsyncd/core';
import type { MailboxAttribute } from '@dsyncd/mailstore';
import type { Attribute } from '@dsyncd/protocol';

/**
 * Does the peer's attribute replace ours? It does where only the peer changed it since the last
 * sync. Otherwise the later change wins; at the same time the greater value, where a deleted one is the
 * least: the same on both hosts.
 *
 * @param commonModSeq - our modseq of the last sync; 0 when there is none, and both sides tell everything
 */
export function isTheirsNewer(
  ours: MailboxAttribute | undefined,
  theirs: Attribute,
  commonModSeq: number,
): boolean {
  const theirValue = theirs.deleted ? undefined : theirs.value;
  if (ours === undefined) return theirValue !== undefined;
  if (theirValue === ours.value) return false;
  if (ours.modSeq <= commonModSeq) return true;
  if (theirs.lastChange !== ours.changedAt) return theirs.lastChange > ours.changedAt;
  if (theirValue === undefined) return false;
  return ours.value === undefined || compareByteTexts(theirValue, ours.value) > 0;
}

/** Does a Dovecot know when this attribute was changed? It does of Sieve scripts only. */
export const isTimedByDovecot = (key: string): boolean =>
  key.startsWith('vendor/vendor.dovecot/pvt/server/sieve/');

/** As {@link isTheirsNewer}, where the other side is a Dovecot: what it decides itself, seen from here. */
export function isDovecotsNewer(
  ours: MailboxAttribute | undefined,
  theirs: Attribute,
  commonModSeq: number,
): boolean {
  const theirValue = theirs.deleted ? undefined : theirs.value;
  if (ours === undefined) return theirValue !== undefined;
  if (theirValue === ours.value) return false;
  const isTheirsChanged = theirs.modSeq > commonModSeq;
  if (commonModSeq > 0 && isTheirsChanged !== ours.modSeq > commonModSeq) return isTheirsChanged;
  const ourChange = isTimedByDovecot(theirs.key) ? ours.changedAt : 0;
  if (theirs.lastChange !== ourChange) return theirs.lastChange > ourChange;
  if (theirs.modSeq !== ours.modSeq) return theirs.modSeq > ours.modSeq;
  if (theirValue === undefined) return false;
  return ours.value === undefined || compareByteTexts(theirValue, ours.value) > 0;
}
