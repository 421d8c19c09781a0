/**
 * Which UID each new mail gets, on both hosts alike.
 *
 * "New" are the mails above the last common UID that are not the same on both sides. Both hosts
 * know both lists, and each keeps a UID only where the other side has never given it out.
 */

export interface NewMail {
  readonly uid: number;
  readonly guid: string;
}

export interface Assigned<Local extends NewMail, Remote extends NewMail> {
  readonly local?: Local;
  readonly remote?: Remote;
  readonly uid: number;
}

/**
 * Pairs mails with the same GUID (one instance each) and gives every mail or pair its UID: its own
 * where the other side's UIDNEXT is not above it, otherwise the pair's other one, otherwise a fresh
 * one from the greater UIDNEXT on.
 *
 * Fresh UIDs are given out in the order in which a merge of both lists by GUID and UID meets the
 * mails: Dovecot's order, so that a Dovecot at the other end comes to the same UIDs.
 *
 * @param locals - ascending by UID
 * @param remotes - ascending by UID
 */
export function assignUids<Local extends NewMail, Remote extends NewMail>(
  locals: readonly Local[],
  remotes: readonly Remote[],
  uidNext: { readonly local: number; readonly remote: number },
): { readonly assigned: Assigned<Local, Remote>[]; readonly uidNext: number } {
  let fresh = Math.max(uidNext.local, uidNext.remote);
  const partners = pairByGuid(locals, remotes);
  const assigned: Assigned<Local, Remote>[] = [];
  const done = new Set<NewMail>();
  for (const { mail, isLocal } of inMergeOrder(locals, remotes)) {
    if (done.has(mail)) continue;
    const partner = partners.get(mail);
    done.add(mail);
    if (partner !== undefined) done.add(partner);
    const isUsable = mail.uid >= (isLocal ? uidNext.remote : uidNext.local);
    const isPartnerUsable =
      partner !== undefined && partner.uid >= (isLocal ? uidNext.local : uidNext.remote);
    const uid = isUsable || partner?.uid === mail.uid ? mail.uid : isPartnerUsable ? partner.uid : fresh++;
    const pair = isLocal ? { local: mail, remote: partner } : { local: partner, remote: mail };
    assigned.push({
      local: pair.local === undefined ? undefined : (pair.local as Local),
      remote: pair.remote === undefined ? undefined : (pair.remote as Remote),
      uid,
    });
  }
  return { assigned: assigned.sort((a, b) => a.uid - b.uid), uidNext: fresh };
}

/**
 * As {@link assignUids}, where only our side changes: ours keep their UIDs, and what is new to us
 * gets its own UID where that is still to be had, otherwise the next one.
 */
export function assignOneWay<Local extends NewMail, Remote extends NewMail>(
  locals: readonly Local[],
  remotes: readonly Remote[],
  uidNext: { readonly local: number; readonly remote: number },
): { readonly assigned: Assigned<Local, Remote>[]; readonly uidNext: number } {
  const partners = pairByGuid(locals, remotes);
  const assigned = locals.map((local): Assigned<Local, Remote> => {
    const remote = partners.get(local) as Remote | undefined;
    return { local, uid: local.uid, remote };
  });
  let next = uidNext.local;
  for (const remote of remotes) {
    if (partners.has(remote)) continue;
    const uid = Math.max(remote.uid, next);
    assigned.push({ remote, uid });
    next = uid + 1;
  }
  return { assigned: assigned.sort((a, b) => a.uid - b.uid), uidNext: next };
}

/** The first unpaired mail of a GUID on one side belongs to the first on the other. */
function pairByGuid(locals: readonly NewMail[], remotes: readonly NewMail[]): Map<NewMail, NewMail> {
  const waiting = new Map<string, NewMail[]>();
  for (const local of locals) {
    const list = waiting.get(local.guid);
    if (list === undefined) waiting.set(local.guid, [local]);
    else list.push(local);
  }
  const partners = new Map<NewMail, NewMail>();
  for (const remote of remotes) {
    const local = waiting.get(remote.guid)?.shift();
    if (local === undefined) continue;
    partners.set(local, remote);
    partners.set(remote, local);
  }
  return partners;
}

function* inMergeOrder(
  locals: readonly NewMail[],
  remotes: readonly NewMail[],
): Iterable<{ readonly mail: NewMail; readonly isLocal: boolean }> {
  let localIndex = 0;
  let remoteIndex = 0;
  for (;;) {
    const local = locals[localIndex];
    const remote = remotes[remoteIndex];
    if (local !== undefined && (remote === undefined || isBefore(local, remote))) {
      localIndex++;
      yield { mail: local, isLocal: true };
    } else if (remote !== undefined) {
      remoteIndex++;
      yield { mail: remote, isLocal: false };
    } else return;
  }
}

const isBefore = (a: NewMail, b: NewMail): boolean => (a.guid === b.guid ? a.uid < b.uid : a.guid < b.guid);
