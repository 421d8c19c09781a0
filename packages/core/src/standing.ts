/**
 * How a user stands with the replica: the one place where that is decided. Status, checks, metrics, alerts and
 * pages all count and show these words, so that no page can say "replicated" where another does not.
 */

/**
 * - `replicated`: a sync after the last known change ended well, and nothing may be missing
 * - `behind`: a change waits, or is being synced
 * - `changing`: the mail changed during {@link changingSyncsMin} syncs in a row, so that none could vouch for it
 * - `not known`: mail may have changed while dsyncd did not listen, and no sync has checked since
 * - `never synced`: no full sync has succeeded yet
 * - `failing`: the last sync failed, and the next try is planned
 * - `paused`: a person has stopped this user
 * - `quarantined`: held until a person helps
 * - `unproven`: the last sync ended well, but changes came so close to it that flags may differ; a full sync follows
 */
export const standings = [
  'replicated',
  'behind',
  'changing',
  'not known',
  'never synced',
  'failing',
  'paused',
  'quarantined',
  // A queue on Redis counts by place: a new word goes to the end.
  'unproven',
] as const;
export type Standing = (typeof standings)[number];

/** So many users of a channel stand like that. */
export type StandingCounts = Readonly<Record<Standing, number>>;

/** @param count - how many stand like that; `index` is the place of the word in {@link standings} */
export const standingCounts = (count: (standing: Standing, index: number) => number): StandingCounts =>
  Object.fromEntries(
    standings.map((standing, index) => [standing, count(standing, index)]),
  ) as StandingCounts;

export const noStandings: StandingCounts = standingCounts(() => 0);

/** From here on "the mailbox changed meanwhile" is no passing thing. */
export const changingSyncsMin = 5;

export interface StandingFacts {
  /** When the oldest change that is not replicated yet was notified. */
  readonly requestedAt: number | undefined;
  readonly failed: boolean;
  readonly quarantined: boolean;
  readonly paused: boolean;
  /** Mail may have changed while dsyncd did not listen. */
  readonly doubted: boolean;
  /** A sync that compared everything has succeeded. */
  readonly fullSynced: boolean;
  /** How often in a row the mail changed during the sync, or another sync had the user. */
  readonly quickRetriesInRow: number;
  /** The last sync ended well, but only a full sync can prove that both sides are equal. */
  readonly unproven: boolean;
}

/** Whatever keeps a user from being replicated for longest comes first. */
export function standingOf(facts: StandingFacts): Standing {
  if (facts.quarantined) return 'quarantined';
  if (facts.paused) return 'paused';
  if (facts.failed) return 'failing';
  if (!facts.fullSynced) return 'never synced';
  if (facts.quickRetriesInRow >= changingSyncsMin) return 'changing';
  if (facts.requestedAt !== undefined || facts.quickRetriesInRow > 0) return 'behind';
  if (facts.doubted) return 'not known';
  return facts.unproven ? 'unproven' : 'replicated';
}

/** What of a channel decides whether the replica could take over. */
export interface ChannelFacts {
  readonly users: number;
  readonly standings: StandingCounts;
  readonly paused: boolean;
  readonly breaker: { readonly state: 'closed' | 'open' | 'half-open' };
}

/** Is every known user replicated, and does nothing keep the next change from following? */
export const isReplicated = ({ users, standings: counts, paused, breaker }: ChannelFacts): boolean =>
  users > 0 && counts.replicated === users && !paused && breaker.state === 'closed';

/**
 * What keeps the replica of a channel from taking over, a line each; none: it has everything.
 * @param late - users whose oldest change waits longer than may be: a younger one is on its way
 */
export function obstaclesOf(
  { users, standings: counts, paused, breaker }: ChannelFacts,
  late: number,
): string[] {
  const found: string[] = [];
  const add = (count: number, what: string): void => {
    if (count > 0) found.push(`${count} ${count === 1 ? 'user' : 'users'} ${what}`);
  };
  if (users === 0) found.push('no users are known yet');
  if (breaker.state !== 'closed') found.push('the peer does not answer');
  if (paused) found.push('the channel is paused');
  add(counts['never synced'], 'never synced');
  add(counts['not known'], 'not known to be replicated: dsyncd did not listen to their changes for a while');
  add(counts.failing, 'failing');
  add(counts.quarantined, 'quarantined');
  add(counts.paused, 'paused');
  add(counts.changing, 'changing all the time');
  add(late, 'behind');
  return found;
}
