import { parentPort } from 'node:worker_threads';
import { DsyncdError, fail } from '@dsyncd/core';
import { type ThreadAnswer, type ThreadCall, type ThreadError, unasked } from './worker-thread.ts';

export interface CallAnswers {
  /** Does one call, at once or later. */
  perform(name: string, args: readonly unknown[]): unknown;
  /** What a call's failure means to the caller. */
  asError(cause: unknown, args: readonly unknown[]): Error;
}

/**
 * Answers the calls of a {@link WorkerThread}; to be called once, in its file. Answers of calls that came together go
 * back together.
 *
 * @returns reports that work of the thread's own has failed
 */
export function answerCalls({ perform, asError }: CallAnswers): (error: Error) => void {
  const port = parentPort ?? fail('this file is for worker threads');
  let answers: ThreadAnswer[] = [];
  const flush = (): void => {
    if (answers.length === 0) return;
    port.postMessage(answers);
    answers = [];
  };
  const start = ([id, name, args]: ThreadCall): void => {
    const onError = (cause: unknown): void => {
      answers.push([id, false, toThreadError(asError(cause, args))]);
    };
    try {
      const result = perform(name, args);
      if (!(result instanceof Promise)) {
        answers.push([id, true, result]);
        return;
      }
      result.then((value: unknown) => answers.push([id, true, value]), onError).finally(flush);
    } catch (error) {
      onError(error);
    }
  };
  port.on('message', (calls: readonly ThreadCall[]) => {
    for (const call of calls) start(call);
    flush();
  });
  return (error) => {
    answers.push([unasked, false, toThreadError(error)]);
    flush();
  };
}

function toThreadError(error: Error): ThreadError {
  if (!(error instanceof DsyncdError)) return { message: error.message, stack: error.stack };
  return { code: error.code, message: error.message, outcome: error.outcome, hint: error.hint };
}
