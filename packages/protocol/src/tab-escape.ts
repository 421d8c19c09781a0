/**
 * Dovecot's tab-escaped lines: fields parted by TAB, ended by LF. `\001` escapes what would break
 * the line: `\0010` NUL, `\0011` `\001` itself, `\001t` TAB, `\001r` CR, `\001n` LF.
 */

const needsEscape = /[\u0000\u0001\t\r\n]/;
const escapeAll = /[\u0000\u0001\t\r\n]/g;
const escapes: Readonly<Record<string, string>> = {
  '\u0000': '\u00010',
  '\u0001': '\u00011',
  '\t': '\u0001t',
  '\r': '\u0001r',
  '\n': '\u0001n',
};
const unescapes: Readonly<Record<string, string>> = {
  '0': '\u0000',
  '1': '\u0001',
  t: '\t',
  r: '\r',
  n: '\n',
};

export const tabEscape = (text: string): string =>
  needsEscape.test(text) ? text.replace(escapeAll, (character) => escapes[character] ?? character) : text;

/** An escape that is not known stands for the character after it; a lone `\001` at the end is dropped. */
export const tabUnescape = (text: string): string =>
  text.includes('\u0001')
    ? text.replace(/\u0001([\s\S]?)/g, (_, character: string) => unescapes[character] ?? character)
    : text;

/** One line without its line feed. */
export const joinTabs = (fields: readonly string[]): string => fields.map(tabEscape).join('\t');

export const splitTabs = (line: string): string[] =>
  line.includes('\u0001') ? line.split('\t').map(tabUnescape) : line.split('\t');
