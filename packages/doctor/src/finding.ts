import { DsyncdError, messageOf, systemErrorHint } from '@dsyncd/core';

/** From good to bad; `unchecked` says why something could not be checked. */
export const severities = ['ok', 'unchecked', 'warning', 'problem'] as const;
export type Severity = (typeof severities)[number];

/** What one check found out. */
export interface Finding {
  readonly severity: Severity;
  readonly message: string;
  /** What to do; there for every warning and problem. */
  readonly remedy?: string;
}

export const ok = (message: string): Finding => ({ severity: 'ok', message });
export const unchecked = (why: string): Finding => ({
  severity: 'unchecked',
  message: `not checked: ${why}`,
});
export const warning = (message: string, remedy: string): Finding => ({
  severity: 'warning',
  message,
  remedy,
});
export const problem = (message: string, remedy: string): Finding => ({
  severity: 'problem',
  message,
  remedy,
});

/** An error as a finding, with the hint that came with it. */
export function problemOf(error: unknown, remedy?: string): Finding {
  const message = messageOf(error);
  const hint =
    error instanceof DsyncdError ? (error.hint ?? systemErrorHint(error.cause)) : systemErrorHint(error);
  return problem(message, remedy ?? hint ?? 'see the log of the service that is named');
}

/** What a check gives up with when something that it needs cannot be had; reported as "not checked". */
export class NotCheckable extends Error {}
