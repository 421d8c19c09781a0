/** When to tell somebody of what. Pure: what is wrong now goes in, the message that is due comes out. */

/** Something that is wrong with one channel, or with this host. */
export interface Problem {
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

export interface OngoingProblem extends Problem {
  readonly since: number;
  /** When somebody was last told of it. */
  readonly toldAt?: number;
}

export type AlertState = ReadonlyMap<string, OngoingProblem>;

/** All that is due at one moment: one message, however much it is. */
export interface AlertMessage {
  /** Everything that has outlasted the grace time, the new first. Empty: all is well again. */
  readonly firing: readonly OngoingProblem[];
  /** What was told before and is over. */
  readonly recovered: readonly OngoingProblem[];
}

export interface AlertLook {
  readonly now: number;
  readonly problems: readonly Problem[];
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
  const { now, problems, isSilent } = look;
  const present = new Map(
    problems.map((problem) => [problem.key, asOngoing(problem, state.get(problem.key), now)]),
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
  for (const problem of recovered) untold.set(problem.key, problem);
  if (!isDue || isSilent) return { untold, told: untold, message: undefined };
  const told = new Map(present);
  for (const problem of firing) told.set(problem.key, { ...problem, toldAt: now });
  firing.sort((one, other) => (other.toldAt === undefined ? 1 : 0) - (one.toldAt === undefined ? 1 : 0));
  return { untold, told, message: { firing, recovered } };
}

function asOngoing(problem: Problem, before: OngoingProblem | undefined, now: number): OngoingProblem {
  const since = problem.since ?? before?.since ?? now;
  return { ...problem, since, toldAt: before?.toldAt };
}
