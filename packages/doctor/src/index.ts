export { channelChecks, findProblems, hostChecks } from './all-checks.ts';
export * from './check.ts';
export type { Doveadm } from './doveadm.ts';
export { runDoveconf } from './doveconf.ts';
export * from './finding.ts';
export { receiveMailbox } from './probe-sync.ts';
export { openScene, planFar, type Scene } from './scene.ts';
