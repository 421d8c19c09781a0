export { type Role, roles, type Tokens, tokenCharsMin } from './access.ts';
export * from './parts.ts';
export { startHttpApi } from './start.ts';
