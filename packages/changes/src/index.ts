export { Consumers } from './consumers/consumers.ts';
export type { ConsumerPlan } from './consumers/deliver.ts';
export { MemoryFeed } from './memory-feed.ts';
export { type ChangeFeed, type ChangePage, type ConsumerStatus, usersPerPageMax } from './port.ts';
export { openSqliteFeed } from './sqlite/sqlite-feed.ts';
