/**
 * Compiles a user mask as `doveadm replicator` takes it: `*` is any text, `?` is one character,
 * anything else is itself.
 */
export function compileMask(mask: string): (text: string) => boolean {
  if (mask === '*') return () => true;
  if (!hasWildcard(mask)) return (text) => text === mask;
  return (text) => matches(mask, text);
}

/** Can it match anything but itself? */
export const hasWildcard = (mask: string): boolean => /[*?]/.test(mask);

/** Greedy match with one remembered star: linear in practice, no backtracking blow-up on hostile masks. */
function matches(mask: string, text: string): boolean {
  let maskIndex = 0;
  let textIndex = 0;
  let starIndex = -1;
  let starTextIndex = 0;
  while (textIndex < text.length) {
    const symbol = mask[maskIndex];
    if (symbol === '*') {
      starIndex = maskIndex++;
      starTextIndex = textIndex;
    } else if (symbol === '?' || (symbol !== undefined && symbol === text[textIndex])) {
      maskIndex++;
      textIndex++;
    } else if (starIndex >= 0) {
      maskIndex = starIndex + 1;
      textIndex = ++starTextIndex;
    } else {
      return false;
    }
  }
  while (mask[maskIndex] === '*') maskIndex++;
  return maskIndex === mask.length;
}
