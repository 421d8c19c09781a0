export * from './config.ts';
export * from './doveconf/index.ts';
export * from './list-users.ts';
export * from './load.ts';
export { folderOfHomes, indexFolderOf, mailHomeOf, mailHomesFolder } from './mail-home.ts';
export * from './redis-access.ts';
export * from './reference.ts';
export * from './secret.ts';
export * from './units.ts';
