export { BuiltinAnswerer, type BuiltinAnswererOptions, hasImported } from './builtin-answerer.ts';
export { BuiltinEngine, type BuiltinEngineOptions } from './builtin-engine.ts';
export * from './dovecot/index.ts';
export * from './port.ts';
