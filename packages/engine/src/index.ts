export { BuiltinAnswerer, type BuiltinAnswererOptions, hasImported } from './builtin-answerer.ts';
export { BuiltinEngine, type BuiltinEngineOptions } from './builtin-engine.ts';
export { AuthClient, type AuthClientOptions } from './dovecot/auth-client.ts';
export {
  type CommandResult,
  type DoveadmServerAddress,
  runDoveadmCommand,
} from './dovecot/doveadm-command.ts';
export { type DovecotChannel, DovecotEngine, type DovecotEngineOptions } from './dovecot/dovecot-engine.ts';
export { IndexTimes, type IndexTimesOptions } from './dovecot/index-times.ts';
export { DovecotUsers, type DovecotUsersOptions, type Unusable, type UserRules } from './dovecot/users.ts';
export * from './port.ts';
