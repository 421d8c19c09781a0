import { createReadStream } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';

export interface SourceMail {
  /** File (and number in it) that the mail came from. */
  readonly name: string;
  readonly body: Buffer;
}

/**
 * Mails of a path that a user names: an mbox file, a Maildir, one mail file, or a folder of them
 * (searched one level deep for cur/ and new/, else for plain files).
 */
export async function* readMails(path: string): AsyncIterable<SourceMail> {
  const info = await stat(path);
  if (info.isDirectory()) {
    yield* readFolder(path);
  } else if (await isMbox(path)) {
    yield* readMbox(path);
  } else {
    yield { name: basename(path), body: await readFile(path) };
  }
}

async function* readFolder(folder: string): AsyncIterable<SourceMail> {
  const names = (await readdir(folder)).sort();
  const isMaildir = names.includes('cur') && names.includes('new');
  const folders = isMaildir ? ['cur', 'new'].map((name) => join(folder, name)) : [folder];
  for (const each of folders) {
    for (const name of (await readdir(each)).sort()) {
      const file = join(each, name);
      const isMail = isMaildir || /\.(eml|msg|txt)$/i.test(name);
      if (isMail && (await stat(file)).isFile()) yield { name, body: await readFile(file) };
    }
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
