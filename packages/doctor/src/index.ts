export * from './check.ts';
export { channelChecks, hostChecks } from './checks/index.ts';
export type { Doveadm } from './doveadm.ts';
export { runDoveconf } from './doveconf.ts';
export * from './finding.ts';
export { receiveMailbox } from './one-mailbox-sync.ts';
export { openScene, planFar, type Scene } from './scene.ts';
export { findProblems } from './watch.ts';
