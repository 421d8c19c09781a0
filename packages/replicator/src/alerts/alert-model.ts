/** When to tell somebody of what. Pure: what is wrong now goes in, the message that is due comes out. */

/** Something that is wrong with one channel, or with this host. */
export interface Trouble {
  /** The same thing has the same key at every look. */
  readonly key: string;
  /** Missing: the host. */
  readonly channel?: string;
  /** One line: what is wrong, and with how many. */
  readonly text: string;
  /** What to do. */
  readonly hint: string;
  /** Unix milliseconds, when it is known better than by our looking; may move. */
  readonly since?: number;
}

export interface OngoingTrouble extends Trouble {
  readonly since: number;
  /** When somebody was last told of it. */
  readonly toldAt?: number;
}

export type AlertState = ReadonlyMap<string, OngoingTrouble>;

/** All that is due at one moment: one message, however much it is. */
export interface AlertMessage {
  /** Everything that has outlasted the grace time, the new first. Empty: all is well again. */
  readonly firing: readonly OngoingTrouble[];
  /** What was told before and is over. */
  readonly recovered: readonly OngoingTrouble[];
}

export interface AlertLook {
  readonly now: number;
  readonly troubles: readonly Trouble[];
  /** Maintenance: nothing is told now; what is left or over afterwards is told then. */
  readonly isSilent: boolean;
}

export interface AlertTiming {
  readonly graceMs: number;
  readonly repeatMs: number;
}

export interface AlertDecision {
  /** What to remember when there is nothing to tell, or it could not be told. */
  readonly untold: AlertState;
  /** What to remember when it was told. */
  readonly told: AlertState;
  readonly message: AlertMessage | undefined;
}

/** Decides what is due. The state of before the first look is an empty map. */
export function decideAlerts(state: AlertState, look: AlertLook, timing: AlertTiming): AlertDecision {
  const { now, troubles, isSilent } = look;
  const present = new Map(
    troubles.map((trouble) => [trouble.key, asOngoing(trouble, state.get(trouble.key), now)]),
  );
  const recovered = [...state.values()].filter(
    ({ key, toldAt }) => toldAt !== undefined && !present.has(key),
  );
  const firing = [...present.values()].filter(
    ({ since, toldAt }) => toldAt !== undefined || now - since >= timing.graceMs,
  );
  const isDue =
    recovered.length > 0 ||
    firing.some(({ toldAt }) => toldAt === undefined || now - toldAt >= timing.repeatMs);
  const untold = new Map(present);
  // Kept until somebody has heard that it is over.
  for (const trouble of recovered) untold.set(trouble.key, trouble);
  if (!isDue || isSilent) return { untold, told: untold, message: undefined };
  const told = new Map(present);
  for (const trouble of firing) told.set(trouble.key, { ...trouble, toldAt: now });
  firing.sort((one, other) => (other.toldAt === undefined ? 1 : 0) - (one.toldAt === undefined ? 1 : 0));
  return { untold, told, message: { firing, recovered } };
}

function asOngoing(trouble: Trouble, before: OngoingTrouble | undefined, now: number): OngoingTrouble {
  const since = trouble.since ?? before?.since ?? now;
  return { ...trouble, since, ...(before?.toldAt === undefined ? {} : { toldAt: before.toldAt }) };
}
