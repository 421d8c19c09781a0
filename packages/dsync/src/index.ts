export { type BrainOptions, type BrainResult, type MasterOptions, runMaster, runSlave } from './brain.ts';
export type { Counts } from './counts.ts';
