export { type MemoryQueueOptions, openMemoryQueue } from './memory-queue.ts';
export * from './port.ts';
