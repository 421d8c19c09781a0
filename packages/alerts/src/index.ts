export { type AlertPlan, AlertWatch, type AlertWatchOptions, silenceMsMax } from './alert-watch.ts';
export * from './decide-alerts.ts';
export type { AlertChannel } from './find-problems.ts';
export * from './start-alerts.ts';
