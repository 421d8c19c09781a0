import { measureDashboard } from './dashboard.mjs';
import { measureDelivery } from './delivery.mjs';
import { measureDovecotReplicator } from './dovecot-replicator.mjs';
import { measureNotify, measureStatusPage } from './http-api.mjs';
import { measureIntake, measureMemory } from './intake.mjs';
import { measureFirstSync, measureIncremental } from './mailbox-sync.mjs';
import { measureNoChange } from './no-change.mjs';
import { measureRedisQueue } from './redis-queue.mjs';

/** Every case: a name for --only, and what measures it; answers rows of the table. */
export const cases = [
  { name: 'intake', run: measureIntake },
  { name: 'memory', run: measureMemory },
  { name: 'http-notify', run: measureNotify },
  { name: 'http-status', run: measureStatusPage },
  { name: 'dashboard', run: measureDashboard },
  { name: 'no-change', run: measureNoChange },
  { name: 'delivery', run: measureDelivery },
  { name: 'first-sync', run: measureFirstSync },
  { name: 'incremental', run: measureIncremental },
  { name: 'dovecot-replicator', run: measureDovecotReplicator },
  { name: 'redis-queue', run: measureRedisQueue },
];
