import type { UserName } from '@dsyncd/core';

/** Whose mail is looked at at once: each costs a look-up and a few looks at files. */
const lookedAtOnce = 16;
/** Into so many steps the sizes are parted: a queue that takes users together does not say who of them goes first. */
const steps = 20;

/**
 * The order of first syncs: whoever has much mail goes last, as it would keep all others waiting.
 * @param mailSize - of a user; any measure that grows with the mail
 * @returns the users in steps, least mail first
 */
export async function smallestFirst(
  users: readonly UserName[],
  mailSize: (user: UserName) => Promise<number>,
): Promise<UserName[][]> {
  const sized: { readonly user: UserName; readonly size: number }[] = [];
  for (let at = 0; at < users.length; at += lookedAtOnce)
    sized.push(
      ...(await Promise.all(
        users.slice(at, at + lookedAtOnce).map(async (user) => ({ user, size: await mailSize(user) })),
      )),
    );
  sized.sort((one, other) => one.size - other.size);
  const perStep = Math.ceil(users.length / steps);
  return Array.from({ length: Math.ceil(users.length / perStep) }, (_, step) =>
    sized.slice(step * perStep, (step + 1) * perStep).map(({ user }) => user),
  );
}
