export * from './alert-model.ts';
export { type AlertPlan, AlertWatch, type AlertWatchOptions, silenceMsMax } from './alert-watch.ts';
