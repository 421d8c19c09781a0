import type { UserName } from '@dsyncd/core';
import { errorText } from './errors.ts';
import { exitCodeOf } from './exit-codes.ts';

/**
 * Does something for many users. One who fails does not keep the others from their turn: the error
 * goes to `report`, and the exit code is that of the first one.
 * @returns the exit code, 0 when all went well
 */
export async function forEachUser(
  users: AsyncIterable<UserName> | Iterable<UserName>,
  task: (user: UserName) => Promise<void>,
  report: (text: string) => void,
): Promise<{ readonly exitCode: number; readonly userCount: number }> {
  let exitCode = 0;
  let userCount = 0;
  for await (const user of users) {
    userCount++;
    try {
      await task(user);
    } catch (error) {
      report(errorText(error, false).trimEnd());
      exitCode ||= exitCodeOf(error);
    }
  }
  return { exitCode, userCount };
}
