import { byteTextLength, limits, quote } from '@dsyncd/core';
import { limitError } from './errors.ts';
import type { MailboxAttribute } from './port.ts';

/** @throws {DsyncdError} `DSYNCD_STORE_LIMIT` when the key is empty or the key or value is too long. */
export function checkAttribute(attribute: Omit<MailboxAttribute, 'modSeq'>): void {
  const key = quote(attribute.key);
  if (attribute.key === '') throw limitError('an attribute without a key');
  if (byteTextLength(attribute.key) > limits.attributeKeyBytesMax)
    throw limitError(`the attribute key ${key} is longer than ${limits.attributeKeyBytesMax} bytes`);
  if (byteTextLength(attribute.value ?? '') > limits.attributeValueBytesMax)
    throw limitError(`the value of attribute ${key} is longer than ${limits.attributeValueBytesMax} bytes`);
}

/** Whether setting `next` over `present` changes anything. */
export const isSameAttribute = (
  present: MailboxAttribute | undefined,
  next: Omit<MailboxAttribute, 'modSeq'>,
): boolean => present !== undefined && present.value === next.value && present.changedAt === next.changedAt;
