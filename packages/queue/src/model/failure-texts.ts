import type { Completion } from '../port.ts';

export type Failure = NonNullable<Completion['failure']>;

export const failureLimits = {
  codeCharsMax: 64,
  reasonCharsMax: 500,
  hintCharsMax: 500,
  sharedMax: 1_000,
} as const;

/**
 * Why users failed. A dead peer gives many users the same text: equal ones are stored once.
 */
export class FailureTexts {
  readonly #byUser = new Map<number, Failure>();
  readonly #shared = new Map<string, Failure>();

  get(user: number): Failure | undefined {
    return this.#byUser.get(user);
  }

  set(user: number, failure: Failure | undefined): void {
    if (failure === undefined) this.#byUser.delete(user);
    else this.#byUser.set(user, this.#share(failure));
  }

  #share(failure: Failure): Failure {
    const { hint } = failure;
    const cut: Failure = {
      code: failure.code.slice(0, failureLimits.codeCharsMax),
      reason: failure.reason.slice(0, failureLimits.reasonCharsMax),
      hint: hint?.slice(0, failureLimits.hintCharsMax),
    };
    const key = `${cut.code}\n${cut.reason}\n${cut.hint ?? ''}`;
    const shared = this.#shared.get(key);
    if (shared !== undefined) return shared;
    if (this.#shared.size >= failureLimits.sharedMax) this.#shared.clear();
    this.#shared.set(key, cut);
    return cut;
  }
}
