export { BuiltinAnswerer, type BuiltinAnswererOptions, hasImported } from './builtin-answerer.ts';
export { BuiltinEngine, type BuiltinEngineOptions } from './builtin-engine.ts';
export * from './port.ts';
