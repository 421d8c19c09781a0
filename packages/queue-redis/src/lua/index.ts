import { breaker } from './breaker.ts';
import { abandon, abandonScript, claimScript, completeScript, joinScript, leaveScript } from './claims.ts';
import { withConstants } from './constants.ts';
import { records } from './records.ts';
import {
  addScript,
  pauseScript,
  pauseUsersScript,
  removeScript,
  requestScript,
  requests,
  unwaitScript,
  waitScript,
} from './requests.ts';
import {
  beatScript,
  fleetScript,
  lagScript,
  leasesScript,
  pageScript,
  refreshScript,
  statusOf,
  statusScript,
} from './status.ts';
import { waiters } from './waiters.ts';

const library = `${records}${breaker}${waiters}${requests}${abandon}${statusOf}`;

/** Every change of the queue is one of these: Redis runs each to its end with nothing in between. */
const texts = {
  request: library + requestScript,
  add: library + addScript,
  remove: library + removeScript,
  wait: library + waitScript,
  unwait: library + unwaitScript,
  pause: library + pauseScript,
  pauseUsers: library + pauseUsersScript,
  claim: library + claimScript,
  abandon: library + abandonScript,
  complete: library + completeScript,
  join: library + joinScript,
  leave: library + leaveScript,
  beat: library + beatScript,
  fleet: library + fleetScript,
  status: library + statusScript,
  lag: library + lagScript,
  page: library + pageScript,
  refresh: library + refreshScript,
  leases: library + leasesScript,
} as const;

export type ScriptName = keyof typeof texts;

export const scripts = Object.fromEntries(
  Object.entries(texts).map(([name, text]) => [name, withConstants(text)]),
) as Readonly<Record<ScriptName, string>>;
