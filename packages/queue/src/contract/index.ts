import { describe } from 'vitest';
import { describeClock } from './clock.ts';
import type { OpenQueue } from './contract-bench.ts';
import { describeOutcomes } from './outcomes.ts';
import { describePause } from './pause.ts';
import { describeProof } from './proof.ts';
import { describeNoRoom, describeRequests } from './requests.ts';
import { describeSchedule } from './schedule.ts';
import { describeOverview, describeStanding } from './standing.ts';
import { describeSpelling, describeUsers } from './users.ts';
import { describeWaiters } from './waiters.ts';

export { type ContractOptions, contractSettings, type OpenQueue } from './contract-bench.ts';
export { VirtualClock } from './virtual-clock.ts';

/** Every promise of the ReplicationQueue port, to be called inside of a test file once per implementation. */
export function describeReplicationQueue(name: string, open: OpenQueue): void {
  describe(`${name} keeps the contract of the queue`, () => {
    describeRequests(open);
    describeSchedule(open);
    describeOutcomes(open);
    describeWaiters(open);
    describeUsers(open);
    describeOverview(open);
    describePause(open);
    describeSpelling(open);
    describeStanding(open);
    describeProof(open);
    describeNoRoom(open);
    describeClock(open);
  });
}
