import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Random } from '@dsyncd/core';

export interface SourceMail {
  /** File (and number in it) that the mail came from. */
  readonly name: string;
  readonly body: Buffer;
}

const depthMax = 8;

/**
 * Mails of a path that a user names: an mbox file, a Maildir with its subfolders, one mail file, or a
 * folder of any of these (files that end in .eml, .msg or .txt, or begin as an mbox does).
 */
export async function* readMails(path: string): AsyncIterable<SourceMail> {
  if ((await stat(path)).isDirectory()) yield* readFolder(path, 0);
  else if (await isMbox(path)) yield* readMbox(path);
  else yield { name: basename(path), body: await readFile(path) };
}

async function* readFolder(folder: string, depth: number): AsyncIterable<SourceMail> {
  const entries = (await readdir(folder, { withFileTypes: true })).sort((a, b) => (a.name < b.name ? -1 : 1));
  const names = new Set(entries.map(({ name }) => name));
  const isMaildir = names.has('cur') && names.has('new');
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (isMaildir && (entry.name === 'cur' || entry.name === 'new')) yield* readMailFiles(path);
    else if (entry.isDirectory() && entry.name !== 'tmp' && depth < depthMax)
      yield* readFolder(path, depth + 1);
    else if (isMaildir || !entry.isFile()) continue;
    else if (/\.(eml|msg|txt)$/i.test(entry.name)) yield { name: entry.name, body: await readFile(path) };
    else if (await isMbox(path)) yield* readMbox(path);
  }
}

/** The files of a Maildir's cur or new. */
async function* readMailFiles(folder: string): AsyncIterable<SourceMail> {
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name);
    if ((await stat(path)).isFile()) yield { name, body: await readFile(path) };
  }
}

async function isMbox(file: string): Promise<boolean> {
  for await (const chunk of createReadStream(file, { end: 4 })) return String(chunk).startsWith('From ');
  return false;
}

const lineFeed = 0x0a;

/** Splits at "From " lines that follow an empty line, and takes one ">" off quoted ones (mboxrd). */
async function* readMbox(file: string): AsyncIterable<SourceMail> {
  let lines: Buffer[] = [];
  let number = 0;
  let afterEmptyLine = true;
  const mail = (): SourceMail => {
    const last = lines.at(-1);
    // The empty line before the next "From " belongs to the mbox, not to the mail.
    if (last !== undefined && isEmptyLine(last)) lines.pop();
    return { name: `${basename(file)}:${number}`, body: Buffer.concat(lines) };
  };
  for await (const line of readLines(file)) {
    if (afterEmptyLine && line.subarray(0, 5).equals(fromSpace)) {
      if (number > 0) yield mail();
      number++;
      lines = [];
    } else {
      lines.push(unquoteFrom(line));
    }
    afterEmptyLine = isEmptyLine(line);
  }
  if (number > 0) yield mail();
}

const fromSpace = Buffer.from('From ');
const isEmptyLine = (line: Buffer): boolean => line.length <= 2 && line.toString('latin1').trim() === '';
const unquoteFrom = (line: Buffer): Buffer =>
  /^>+From /.test(line.subarray(0, 80).toString('latin1')) ? line.subarray(1) : line;

/** Lines with their line feed. */
async function* readLines(file: string): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of createReadStream(file)) {
    const block = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = block.indexOf(lineFeed); end >= 0; end = block.indexOf(lineFeed, start)) {
      yield block.subarray(start, end + 1);
      start = end + 1;
    }
    rest = block.subarray(start);
  }
  if (rest.length > 0) yield rest;
}

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
