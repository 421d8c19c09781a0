/**
 * How urgent a notification is, as Dovecot's notify plugin says it; `none`: nothing was asked for, and the user is
 * due by the full-sync interval alone.
 */
export type Priority = 'none' | 'low' | 'high' | 'sync';
export type RequestPriority = Exclude<Priority, 'none'>;

/** Highest last: the place of a priority is its code in columns and records, and a greater code wins. */
export const priorities = ['none', 'low', 'high', 'sync'] as const satisfies readonly Priority[];

/** What can be asked for, least urgent first. */
export const requestPriorities = ['low', 'high', 'sync'] as const satisfies readonly RequestPriority[];

export const priorityCodes = { none: 0, low: 1, high: 2, sync: 3 } as const satisfies Record<
  Priority,
  number
>;
/** Code of a priority that can be asked for. */
export type PriorityCode = (typeof priorityCodes)[RequestPriority];
