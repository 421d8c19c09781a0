import { limits } from '@dsyncd/core';
import { systemFlags } from '@dsyncd/mailstore';
import { usageError } from '../errors.ts';

/** Flags of a mail as the store takes them. */
export interface FlagSet {
  readonly flags: number;
  readonly keywords: readonly string[];
}

/** IMAP atom characters (RFC 9051 section 9): what a keyword may be made of. */
const keywordPattern = /^[!#$&'+,\-./0-9:;<=>?@A-Z[^_`a-z|}~]+$/;

/**
 * Reads flags from the command line: `\Seen` or `seen` in any case for system flags, anything else
 * is a keyword. Commas separate as well as arguments do.
 *
 * @throws {DsyncdError} `DSYNCD_USAGE` for what is neither
 */
export function parseFlags(texts: readonly string[]): FlagSet {
  let flags = 0;
  const keywords = new Set<string>();
  for (const text of texts.flatMap((argument) => argument.split(','))) {
    const bit = systemFlagBit(text);
    if (bit === undefined) keywords.add(checkKeyword(text));
    else flags |= bit;
  }
  return { flags, keywords: [...keywords] };
}

function systemFlagBit(text: string): number | undefined {
  const wanted = text.replace(/^\\/, '').toLowerCase();
  const position = systemFlags.findIndex((flag) => flag.slice(1).toLowerCase() === wanted);
  return position < 0 ? undefined : 1 << position;
}

function checkKeyword(text: string): string {
  if (keywordPattern.test(text) && text.length <= limits.keywordBytesMax) return text;
  const known = systemFlags.join(', ');
  throw usageError(
    `${JSON.stringify(text.slice(0, 40))} is neither a flag nor a keyword`,
    `flags are ${known} (with or without the backslash); keywords have 1 to ${limits.keywordBytesMax} letters, digits and signs without blanks`,
  );
}

/** Flags as IMAP lists them: `\Answered \Seen $Forwarded`. */
export const flagNames = ({ flags, keywords }: FlagSet): string[] => [
  ...systemFlags.filter((_flag, position) => (flags & (1 << position)) !== 0),
  ...[...keywords].sort(),
];
