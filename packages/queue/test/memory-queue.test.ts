import { describeReplicationQueue } from '../src/contract/index.ts';
import { openMemoryQueue } from '../src/index.ts';

describeReplicationQueue('the queue in memory', async (options) => openMemoryQueue(options));
