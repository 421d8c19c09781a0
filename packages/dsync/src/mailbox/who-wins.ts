import { compareByteTexts, keywordKey, keywordModSeqs, keywordsByKey } from '@dsyncd/core';
import { type MailboxAttribute, type MailRecord, systemFlags } from '@dsyncd/mailstore';
import type { Attribute, KeywordChange, MailChangeItem } from '@dsyncd/protocol';

/** One flag or keyword as one side has it. */
interface View {
  readonly isSet: boolean;
  readonly isChanged: boolean;
  /** Modseq of the change where known, otherwise that of the mail. */
  readonly modSeq: number;
}

interface FlagEdit {
  readonly addFlags: number;
  readonly removeFlags: number;
  readonly addKeywords: readonly string[];
  readonly removeKeywords: readonly string[];
  /** Both sides had changed the same flag differently. */
  readonly isConflict: boolean;
}

/**
 * What to change on our mail so that both sides have the same flags. Each flag and keyword is
 * settled by itself: where only one side changed it since the last sync, that side wins; where both
 * did, or it is not known, the later modseq wins, and at the same modseq the master.
 *
 * Both hosts call this with the roles swapped and come to the same flags.
 */
export function mergeFlags(
  local: Pick<MailRecord, 'flags' | 'keywords' | 'flagModSeqs' | 'modSeq'>,
  remote: MailChangeItem,
  context: { readonly lastCommonModSeq: number; readonly isMaster: boolean },
): FlagEdit | undefined {
  let addFlags = 0;
  let removeFlags = 0;
  let isConflict = false;
  const differing = local.flags ^ remote.finalFlags;
  for (let position = 0; position < systemFlags.length; position++) {
    const bit = 1 << position;
    if ((differing & bit) === 0) continue;
    const ours = localView(local, local.flagModSeqs.flags[position] ?? 0, (local.flags & bit) !== 0, context);
    const theirs = remoteView(remote, systemFlags[position] ?? '', {
      isSet: (remote.finalFlags & bit) !== 0,
      isChanged: ((remote.addFlags | remote.removeFlags) & bit) !== 0,
    });
    isConflict ||= ours.isChanged && theirs.isChanged;
    if (winner(ours, theirs, context.isMaster) === ours) continue;
    if (theirs.isSet) addFlags |= bit;
    else removeFlags |= bit;
  }
  const keywords = mergeKeywords(local, remote, context);
  isConflict ||= keywords.isConflict;
  const { addKeywords, removeKeywords } = keywords;
  if (addFlags === 0 && removeFlags === 0 && addKeywords.length === 0 && removeKeywords.length === 0)
    return isConflict ? { addFlags, removeFlags, addKeywords, removeKeywords, isConflict } : undefined;
  return { addFlags, removeFlags, addKeywords, removeKeywords, isConflict };
}

function mergeKeywords(
  local: Pick<MailRecord, 'keywords' | 'flagModSeqs' | 'modSeq'>,
  remote: MailChangeItem,
  context: { readonly lastCommonModSeq: number; readonly isMaster: boolean },
): { addKeywords: string[]; removeKeywords: string[]; isConflict: boolean } {
  const addKeywords: string[] = [];
  const removeKeywords: string[] = [];
  let isConflict = false;
  if (local.keywords.length === 0 && remote.keywords.length === 0)
    return { addKeywords, removeKeywords, isConflict };
  const localByKey = keywordsByKey(local.keywords);
  const remoteByKey = changesByKey(remote.keywords);
  const modSeqs = keywordModSeqs(local.flagModSeqs.keywords);
  for (const key of new Set([...localByKey.keys(), ...remoteByKey.keys()])) {
    const { kind, name = localByKey.get(key) ?? key } = remoteByKey.get(key) ?? {};
    const isSetLocally = localByKey.has(key);
    const isSetRemotely = isFinal(kind);
    if (isSetLocally === isSetRemotely) continue;
    const our = localView(local, modSeqs.get(key) ?? 0, isSetLocally, context);
    const theirs = remoteView(remote, name, {
      isSet: isSetRemotely,
      isChanged: kind === 'add' || kind === 'remove' || kind === 'add-and-final' || remote.keywordsReset,
    });
    isConflict ||= our.isChanged && theirs.isChanged;
    if (winner(our, theirs, context.isMaster) === our) continue;
    (theirs.isSet ? addKeywords : removeKeywords).push(name);
  }
  return { addKeywords, removeKeywords, isConflict };
}

const isFinal = (kind: KeywordChange['kind'] | undefined): boolean =>
  kind === 'final' || kind === 'add-and-final';

/** One change for each keyword; of two spellings the one that is set counts. */
function changesByKey(changes: readonly KeywordChange[]): ReadonlyMap<string, KeywordChange> {
  const byKey = new Map<string, KeywordChange>();
  for (const change of changes) {
    const key = keywordKey(change.name);
    if (!isFinal(byKey.get(key)?.kind)) byKey.set(key, change);
  }
  return byKey;
}

const localView = (
  local: Pick<MailRecord, 'modSeq'>,
  flagModSeq: number,
  isSet: boolean,
  { lastCommonModSeq }: { readonly lastCommonModSeq: number },
): View => {
  const isChanged = flagModSeq > lastCommonModSeq;
  return { isSet, isChanged, modSeq: isChanged ? flagModSeq : local.modSeq };
};

const remoteView = (
  remote: MailChangeItem,
  name: string,
  { isSet, isChanged }: { readonly isSet: boolean; readonly isChanged: boolean },
): View => ({
  isSet,
  isChanged,
  modSeq: (isChanged ? remote.flagModSeqs?.[name] : undefined) ?? remote.modSeq,
});

function winner(ours: View, theirs: View, isMaster: boolean): View {
  if (ours.isChanged !== theirs.isChanged) return ours.isChanged ? ours : theirs;
  if (ours.modSeq !== theirs.modSeq) return ours.modSeq > theirs.modSeq ? ours : theirs;
  return isMaster ? ours : theirs;
}

/** A mail of ours as the change record that the peer gets. */
export function changeOfMail(
  mail: MailRecord,
  kind: 'save' | 'flags',
  lastCommonModSeq: number,
): MailChangeItem {
  let addFlags = 0;
  let removeFlags = 0;
  // Without a prototype: a keyword may be named `constructor`, or `__proto__`.
  const flagModSeqs = Object.create(null) as Record<string, number>;
  mail.flagModSeqs.flags.forEach((modSeq, position) => {
    if (modSeq <= lastCommonModSeq) return;
    const bit = 1 << position;
    if ((mail.flags & bit) === 0) removeFlags |= bit;
    else addFlags |= bit;
    flagModSeqs[systemFlags[position] ?? ''] = modSeq;
  });
  const keywords = keywordChanges(mail, lastCommonModSeq, flagModSeqs);
  return {
    type: 'change',
    kind,
    uid: mail.uid,
    guid: mail.guid,
    modSeq: mail.modSeq,
    pvtModSeq: 0 as MailChangeItem['pvtModSeq'],
    addFlags,
    removeFlags,
    finalFlags: mail.flags,
    keywordsReset: false,
    keywords,
    ...(kind === 'save' ? { receivedAt: mail.receivedAt } : {}),
    ...(Object.keys(flagModSeqs).length === 0 ? {} : { flagModSeqs }),
  };
}

function keywordChanges(
  mail: MailRecord,
  lastCommonModSeq: number,
  flagModSeqs: Record<string, number>,
): KeywordChange[] {
  const changes: KeywordChange[] = [];
  const byKey = keywordsByKey(mail.keywords);
  const modSeqs = keywordModSeqs(mail.flagModSeqs.keywords);
  for (const [key, name] of byKey) {
    const modSeq = modSeqs.get(key) ?? 0;
    const isChanged = modSeq > lastCommonModSeq;
    if (isChanged) flagModSeqs[name] = modSeq;
    changes.push({ kind: isChanged ? 'add-and-final' : 'final', name });
  }
  for (const [name, modSeq] of Object.entries(mail.flagModSeqs.keywords)) {
    if (modSeq <= lastCommonModSeq || byKey.has(keywordKey(name))) continue;
    flagModSeqs[name] = modSeq;
    changes.push({ kind: 'remove', name });
  }
  return changes;
}

/**
 * Does the peer's attribute replace ours? It does where only the peer changed it since the last
 * sync. Otherwise the later change wins; at the same time the greater value, where a deleted one is the
 * least: the same on both hosts.
 *
 * @param commonModSeq - our modseq of the last sync; 0 when there is none, and both sides send everything
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
