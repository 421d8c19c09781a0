/** Mailbox names in modified UTF-7 (RFC 3501 section 5.1.3), as Maildir folders are named on disk. Pure. */

/** `Über & mehr` becomes `&ANw-ber &- mehr`. */
export function encodeModifiedUtf7(text: string): string {
  return text.replace(/&|[^\u0020-\u007e]+/g, (run) => {
    if (run === '&') return '&-';
    const bytes = Buffer.from(run, 'utf16le').swap16();
    return `&${bytes.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/** Undefined when `text` is not what {@link encodeModifiedUtf7} makes of any text. */
export function decodeModifiedUtf7(text: string): string | undefined {
  const decoded = text.replace(/&([^-]*)-/g, (_, run: string) => {
    if (run === '') return '&';
    const bytes = Buffer.from(run.replaceAll(',', '/'), 'base64');
    return bytes.length % 2 === 0 ? bytes.swap16().toString('utf16le') : '\ufffd';
  });
  return encodeModifiedUtf7(decoded) === text ? decoded : undefined;
}
