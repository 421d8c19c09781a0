export * from './destination.ts';
export * from './error.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './mask.ts';
export * from './names.ts';
export * from './outcome.ts';
export * from './ports.ts';
