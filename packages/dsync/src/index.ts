export { refuseSync, runMaster, runSlave } from './brain.ts';
export {
  type BrainOptions,
  type BrainResult,
  type Counts,
  type DoneBefore,
  type MasterOptions,
  newProgress,
  type OneWay,
  type Progress,
} from './options.ts';
