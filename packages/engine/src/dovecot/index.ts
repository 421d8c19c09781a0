export { AuthClient, type AuthClientOptions } from './auth-client.ts';
export { IndexTimes, type IndexTimesOptions } from './changes/index-times.ts';
export { type CommandResult, type DoveadmServerAddress, runDoveadmCommand } from './connection.ts';
export { type DovecotChannel, DovecotEngine, type DovecotEngineOptions } from './dovecot-engine.ts';
export { DovecotUsers, type DovecotUsersOptions, type Unusable, type UserRules } from './users.ts';
