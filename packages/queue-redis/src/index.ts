export { type FleetOptions, openFleet, type RedisFleet } from './fleet-view.ts';
export { openRedisQueue } from './open-redis-queue.ts';
export { type RedisQueueEvents, type RedisQueueOptions, type RedisServer, redisLimits } from './options.ts';
