/** When to report what. Pure: what is wrong now goes in, the message that is due comes out. */

/** Something that is wrong with one channel, or with this host. */
export interface Problem {
  /** The same problem has the same key in every check. */
  readonly key: string;
  /** Missing: the host. */
  readonly channel?: string;
  /** One line: what is wrong, and with how many. */
  readonly text: string;
  /** What to do. */
  readonly hint: string;
  /** Unix milliseconds, where it is known better than from our checks; may move. */
  readonly since?: number;
}

export interface OngoingProblem extends Problem {
  readonly since: number;
  /** When it was last reported. */
  readonly reportedAt?: number;
}

export type AlertState = ReadonlyMap<string, OngoingProblem>;

/** All that is due at one moment: one message, however much it is. */
export interface AlertMessage {
  /** Everything that has outlasted the grace time, the new first. Empty: all is well again. */
  readonly firing: readonly OngoingProblem[];
  /** What was reported before and is over. */
  readonly recovered: readonly OngoingProblem[];
}

export interface AlertInput {
  readonly now: number;
  readonly problems: readonly Problem[];
  /** Maintenance: nothing is reported now; what is left or over afterwards is reported then. */
  readonly isSilent: boolean;
}

export interface AlertTiming {
  readonly graceMs: number;
  readonly repeatMs: number;
}

export interface AlertDecision {
  /** What to remember when there is nothing to send, or it could not be sent. */
  readonly ifUnsent: AlertState;
  /** What to remember when the message was sent. */
  readonly ifSent: AlertState;
  readonly message: AlertMessage | undefined;
}

/** Decides what is due. The state before the first check is an empty map. */
export function decideAlerts(state: AlertState, input: AlertInput, timing: AlertTiming): AlertDecision {
  const { now, problems, isSilent } = input;
  const present = new Map(
    problems.map((problem) => [problem.key, asOngoing(problem, state.get(problem.key), now)]),
  );
  const recovered = [...state.values()].filter(
    ({ key, reportedAt }) => reportedAt !== undefined && !present.has(key),
  );
  const firing = [...present.values()].filter(
    ({ since, reportedAt }) => reportedAt !== undefined || now - since >= timing.graceMs,
  );
  const isDue =
    recovered.length > 0 ||
    firing.some(({ reportedAt }) => reportedAt === undefined || now - reportedAt >= timing.repeatMs);
  const ifUnsent = new Map(present);
  // Kept until a message has said that it is over.
  for (const problem of recovered) ifUnsent.set(problem.key, problem);
  if (!isDue || isSilent) return { ifUnsent, ifSent: ifUnsent, message: undefined };
  const ifSent = new Map(present);
  for (const problem of firing) ifSent.set(problem.key, { ...problem, reportedAt: now });
  firing.sort(
    (one, other) => (other.reportedAt === undefined ? 1 : 0) - (one.reportedAt === undefined ? 1 : 0),
  );
  return { ifUnsent, ifSent, message: { firing, recovered } };
}

function asOngoing(problem: Problem, before: OngoingProblem | undefined, now: number): OngoingProblem {
  const since = problem.since ?? before?.since ?? now;
  return { ...problem, since, reportedAt: before?.reportedAt };
}
