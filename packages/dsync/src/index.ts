export { refuseSync, runMaster, runSlave } from './brain.ts';
export { type Counts, newProgress, type Progress } from './counts.ts';
export type { BrainOptions, BrainResult, MasterOptions, OneWay } from './options.ts';
export type { DoneBefore } from './unfinished.ts';
