export { describeError } from './clean-fields.ts';
export * from './logger.ts';
export * from './program-log.ts';
