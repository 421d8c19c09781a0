/**
 * Keywords are one whatever their case (RFC 9051 section 2.3.2): `$Junk` and `$junk` are the same. A mail keeps the
 * spelling that it got first; comparisons use the key.
 */

/** Equal for spellings of the same keyword. Only ASCII letters have a case here, as in Dovecot. */
export const keywordKey = (keyword: string): string =>
  /[A-Z]/.test(keyword) ? keyword.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : keyword;

/** By key; of spellings of the same keyword, the first one stays. */
export function keywordsByKey(keywords: Iterable<string>): Map<string, string> {
  const byKey = new Map<string, string>();
  for (const keyword of keywords) {
    const key = keywordKey(keyword);
    if (!byKey.has(key)) byKey.set(key, keyword);
  }
  return byKey;
}

/** Those of `keywords` that `others` does not have. */
export function keywordsWithout(keywords: Iterable<string>, others: Iterable<string>): string[] {
  const unwanted = keywordsByKey(others);
  return [...keywordsByKey(keywords)].filter(([key]) => !unwanted.has(key)).map(([, keyword]) => keyword);
}

/** Sorted, each once. */
export const sortedKeywords = (keywords: Iterable<string>): readonly string[] =>
  [...keywordsByKey(keywords).values()].sort();

/** When each keyword changed last, in whatever spelling; by key. */
export function keywordModSeqs(modSeqs: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  const byKey = new Map<string, number>();
  for (const [keyword, modSeq] of Object.entries(modSeqs)) {
    const key = keywordKey(keyword);
    byKey.set(key, Math.max(modSeq, byKey.get(key) ?? 0));
  }
  return byKey;
}
