export * from './config.ts';
export { syncTimeoutMs } from './config.ts';
export type { ImportNote } from './doveconf/draft.ts';
export { type DoveconfImport, type DoveconfImportOptions, importDoveconf } from './doveconf/import.ts';
export { missingNotifyPlugins } from './doveconf/mail-plugins.ts';
export {
  blocksOf,
  type DoveconfBlock,
  type DoveconfTree,
  doveconfLimits,
  parseDoveconf,
  settingOf,
} from './doveconf/tree.ts';
export { virtualMailboxMasks } from './doveconf/virtual.ts';
export * from './load/load.ts';
export * from './mail-home.ts';
export { folderOfHomes, indexFolderOf, mailHomeOf, mailHomesFolder } from './mail-home.ts';
export * from './peer-plan.ts';
export * from './redis-access.ts';
export * from './required-replica.ts';
export * from './secret.ts';
export * from './settings/reference.ts';
export * from './settings/units.ts';
export * from './user-homes.ts';
