/** The token in an address that ends in `#token=TOKEN`; undefined for any other. */
export function tokenOfHash(hash: string): string | undefined {
  const text = /^#token=([^&/?]+)$/.exec(hash)?.[1];
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Would a browser send it in a header? Tokens are printable ASCII without spaces. */
export const isTokenText = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);
