export {
  type BrainOptions,
  type BrainResult,
  type MasterOptions,
  refuseSync,
  runMaster,
  runSlave,
} from './brain.ts';
export type { Counts } from './counts.ts';
