export { describeError } from './clean-fields.ts';
export * from './logger.ts';
export * from './metric-readings.ts';
export { Metrics, type MetricsOptions, reasonsMax } from './metrics.ts';
export * from './program-log.ts';
