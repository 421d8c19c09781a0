import { createHash } from 'node:crypto';
import { bytesOfText } from '@dsyncd/core';

/**
 * A mail's GUID in 32 lower-case hexadecimal digits, the only form in which expunges name mails: a
 * GUID that has this form already is itself, any other (Maildir's are file names) becomes the last
 * 16 bytes of its SHA-1.
 */
export const guid128 = (guid: string): string =>
  /^[0-9a-f]{32}$/i.test(guid)
    ? guid.toLowerCase()
    : createHash('sha1').update(bytesOfText(guid)).digest('hex').slice(-32);
