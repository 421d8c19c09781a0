import type { Random } from '@dsyncd/core';
import type { SourceMail } from './mail-source.ts';

const words = 'the mail was on the other host before the kettle had boiled and nobody noticed a thing'.split(
  ' ',
);

/** A mail of about `bytes` bytes with CRLF line ends; 8-bit text and a line of dots included. */
export function sampleMail(random: Random, number: number, bytes = 2000): SourceMail {
  const head = [
    `From: Sender ${number} <sender${number}@example.com>`,
    'To: reader@example.com',
    `Subject: Mail ${number}`,
    `Message-ID: <${random.hex(8)}@example.com>`,
    'Date: Mon, 23 Nov 2026 10:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
    '',
    'Grüße aus Köln',
    '...',
    '.',
  ].join('\r\n');
  let text = `${head}\r\n`;
  while (text.length < bytes) {
    const line = Array.from({ length: 12 }, () => words[Math.floor(random.fraction() * words.length)]);
    text += `${line.join(' ')}\r\n`;
  }
  return { name: `sample-${number}`, body: Buffer.from(text) };
}
