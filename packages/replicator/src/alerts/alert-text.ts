import type { AlertMessage, OngoingProblem } from './alert-model.ts';

export interface AlertText {
  /** One line of ASCII. */
  readonly subject: string;
  readonly body: string;
}

/** A message for people. @param hostname - of this host, without spaces */
export function alertText({ firing, recovered }: AlertMessage, hostname: string, now: number): AlertText {
  const count = firing.length;
  const what = count === 0 ? 'recovered' : `${count} ${count === 1 ? 'problem' : 'problems'}`;
  const lines = [
    ...firing.flatMap((problem) => [lineOf(problem, 'PROBLEM', now), `  what to do: ${problem.hint}`]),
    ...recovered.map((problem) => lineOf(problem, 'recovered', now)),
  ];
  return {
    subject: `dsyncd on ${hostname.replace(/[^\x21-\x7e]/g, '?')}: ${what}`,
    body: `${lines.join('\n')}\n`,
  };
}

const lineOf = ({ channel, text, since }: OngoingProblem, mark: string, now: number): string =>
  `${mark} ${channel === undefined ? 'this host' : `channel ${channel}`}: ${text} (since ${new Date(Math.min(since, now)).toISOString()})`;
