export type { ImportNote } from './draft.ts';
export { type DoveconfImport, type DoveconfImportOptions, importDoveconf } from './import.ts';
export { missingNotifyPlugins } from './mail-plugins.ts';
export {
  blocksOf,
  type DoveconfBlock,
  type DoveconfTree,
  doveconfLimits,
  parseDoveconf,
  settingOf,
} from './tree.ts';
