export * from './logger.ts';
export { describeError } from './logger.ts';
export * from './metric-readings.ts';
export { Metrics, type MetricsOptions, reasonsMax } from './metrics.ts';
