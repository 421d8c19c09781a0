/**
 * Bytes of a peer as text, without a loss: what is UTF-8 is itself, and each byte that is not part of it is one character
 * of U+EF80 to U+EFFF. Those characters themselves, when they come as UTF-8, count as three such bytes. So every text
 * of this kind stands for exactly one sequence of bytes, and can be kept and compared like any other text.
 */

const byteBase = 0xef00;
/** What a plain decoding of UTF-8 cannot give back, or what would be taken for a byte. */
const isDoubtful = /[\uef80-\uefff\ufffd]/;
const standsForByte = /[\uef80-\uefff]/;

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export function textOfBytes(bytes: Uint8Array): string {
  const plain = viewOf(bytes).toString('utf8');
  return isDoubtful.test(plain) ? slowly(bytes) : plain;
}

/** The bytes that {@link textOfBytes} had. */
export function bytesOfText(text: string): Uint8Array {
  if (!standsForByte.test(text)) return Buffer.from(text, 'utf8');
  const parts = text.split(/([\uef80-\uefff]+)/);
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 0
        ? Buffer.from(part, 'utf8')
        : Uint8Array.from(part, (character) => character.charCodeAt(0) - byteBase),
    ),
  );
}

/** How many bytes a text of {@link textOfBytes} stands for. */
export const byteTextLength = (text: string): number =>
  standsForByte.test(text) ? bytesOfText(text).length : Buffer.byteLength(text);

/** As plain text, for names and messages: bytes that are no text become U+FFFD. */
export const plainText = (byteText: string): string =>
  standsForByte.test(byteText) ? viewOf(bytesOfText(byteText)).toString('utf8') : byteText;

/** Plain text as the text of its bytes. */
export const byteText = (plain: string): string =>
  standsForByte.test(plain) ? textOfBytes(Buffer.from(plain, 'utf8')) : plain;

/** As the bytes compare: negative, 0 or positive. */
export const compareByteTexts = (a: string, b: string): number =>
  a === b ? 0 : Buffer.compare(bytesOfText(a), bytesOfText(b));

const viewOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

function slowly(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes[at] ?? 0);
    const character = length === 0 ? undefined : characterOf(bytes.subarray(at, at + length));
    if (character === undefined) {
      text += String.fromCharCode(byteBase + (bytes[at] ?? 0));
      at++;
    } else {
      text += character;
      at += length;
    }
  }
  return text;
}

/** 0 for a byte that begins nothing. */
function sequenceLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

function characterOf(sequence: Uint8Array): string | undefined {
  const [first = 0] = sequence;
  if (first < 0x80) return String.fromCharCode(first);
  try {
    const character = decoder.decode(sequence);
    return standsForByte.test(character) ? undefined : character;
  } catch {
    return undefined;
  }
}
