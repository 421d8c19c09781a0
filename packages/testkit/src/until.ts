/** A condition did not come to hold. */
export class NotInTime extends Error {}

/**
 * Waits until `condition` holds, asking again every `everyMs`.
 * @throws {NotInTime} when it does not hold within `timeoutMs`; the message names `what`. What `condition` throws.
 */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  { timeoutMs = 20_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new NotInTime(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((wake) => setTimeout(wake, everyMs));
  }
}
