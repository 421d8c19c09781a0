import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { asUid, parseUserName, type Uid } from '@dsyncd/core';
import type { MailboxMail, MaildirStore, UserMail } from '@dsyncd/mailstore';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bodyFiles, homeOf, makeFolder, openStore, removeFolder } from './maildir-setup.ts';

const user = parseUserName('bob');
const writer = fileURLToPath(new URL('maildir-writer.mjs', import.meta.url));

let folder: string;
let store: MaildirStore;
let mail: UserMail;
let inbox: MailboxMail;
const children: ChildProcess[] = [];

async function openInbox(): Promise<void> {
  store = openStore(folder);
  mail = await store.open(user, { create: true });
  const opened = await mail.mailboxByPath(['INBOX']);
  if (opened === undefined) throw new Error('no INBOX');
  inbox = opened;
}

beforeEach(async () => {
  folder = makeFolder();
  await openInbox();
});
afterEach(async () => {
  for (const child of children.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
  await store.close();
  removeFolder(folder);
});

function start(task: 'save' | 'churn' | 'lock' | 'guard') {
  const child = spawn(process.execPath, [writer, folder, user, task], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  const lines = createInterface({ input: child.stdout });
  return { child, lines, exited: once(child, 'exit') };
}

interface Saved {
  readonly guids: readonly string[];
  readonly uids: readonly number[];
  readonly modSeq: number;
}

async function collect(lines: AsyncIterable<string>): Promise<readonly Saved[]> {
  const steps: Saved[] = [];
  for await (const line of lines) steps.push(JSON.parse(line) as Saved);
  return steps;
}

const allMails = () => inbox.mails(asUid(1), 100_000);

async function text(uid: Uid): Promise<string> {
  let all = '';
  for await (const chunk of await inbox.body(uid)) all += String(chunk);
  return all;
}

describe('an index that another process has locked', () => {
  it('holds up its user alone, and what was asked for him is done in order once it is free', async () => {
    await store.close();
    store = openStore(folder, { workers: 1 });
    mail = await store.open(user);
    const other = await store.open(parseUserName('carol'), { create: true });
    const lock = new Database(join(homeOf(folder, user), 'dsyncd-index.sqlite'));
    lock.exec('BEGIN EXCLUSIVE');
    const done: string[] = [];
    const make = async (at: UserMail, name: string): Promise<void> => {
      await at.createMailbox([name]);
      done.push(name);
    };
    const locked = Promise.all(['first', 'second', 'third'].map((name) => make(mail, name)));
    const startedAt = performance.now();
    await Promise.all(['here', 'there'].map((name) => make(other, name)));
    expect(performance.now() - startedAt, 'ms until the other user is served').toBeLessThan(5_000);
    expect(done).toEqual(['here', 'there']);
    lock.exec('COMMIT');
    lock.close();
    await locked;
    expect(done.slice(2)).toEqual(['first', 'second', 'third']);
  });
});

describe('several processes on one Maildir store', () => {
  it('write the same note at the same time without getting into each other’s way', async () => {
    const notes = new URL('../src/maildir/worker/notes.ts', import.meta.url).href;
    const script = `const { writeDurably } = await import(${JSON.stringify(notes)});
      for (let round = 0; round < 300; round++) writeDurably(process.argv[1], 'note of ' + process.pid);`;
    const codes = await Promise.all(
      [1, 2, 3].map(async () => {
        const args = ['--input-type=module', '-e', script, join(folder, 'note')];
        const [code] = await once(spawn(process.execPath, args, { stdio: 'ignore' }), 'exit');
        return code as number;
      }),
    );
    expect(codes).toEqual([0, 0, 0]);
    expect(readdirSync(folder).filter((name) => name.startsWith('note'))).toEqual(['note']);
  });

  it('never give a UID twice, and the modseq goes up', async () => {
    const writers = [start('save'), start('save')];
    const steps = await Promise.all(writers.map(({ lines }) => collect(lines)));
    for (const own of steps) {
      expect(own).toHaveLength(60);
      const modSeqs = own.map(({ modSeq }) => modSeq);
      expect(modSeqs).toEqual([...modSeqs].sort((a, b) => a - b));
      expect(new Set(modSeqs).size).toBe(modSeqs.length);
    }
    const uids = steps.flat().flatMap((step) => step.uids);
    expect(new Set(uids).size).toBe(uids.length);
    const mails = await allMails();
    expect(mails.map(({ uid }) => uid)).toEqual([...uids].sort((a, b) => a - b));
    const guidOfUid = new Map(
      steps.flat().flatMap((step) => step.uids.map((uid, at) => [uid, step.guids[at]])),
    );
    for (const { uid, guid } of mails) expect(guid).toBe(guidOfUid.get(uid));
    expect(await inbox.status()).toMatchObject({
      messagesCount: uids.length,
      uidNext: Math.max(...uids) + 1,
    });
  });

  it('see what the others committed, in handles that were open before', async () => {
    expect((await inbox.status()).messagesCount).toBe(0);
    const { lines, exited } = start('save');
    let seen = 0;
    for await (const line of lines) {
      const { uids } = JSON.parse(line) as Saved;
      const last = uids.at(-1);
      if (last === undefined) throw new Error('a batch without mails');
      expect((await inbox.mail(asUid(last)))?.uid).toBe(last);
      expect((await inbox.status()).uidNext).toBeGreaterThan(last);
      expect((await mail.tree()).nodes[0]?.mailbox?.uidNext).toBeGreaterThan(last);
      seen++;
    }
    await exited;
    expect(seen).toBe(60);
  });

  it('lose nothing that was answered, and have nothing half, when one is killed at any moment', async () => {
    const seed = [1, 2, 4, 7, 11, 18, 30, 47];
    const kept = new Map<string, { readonly guids: readonly string[]; readonly uids: readonly number[] }>();
    const maybe = new Set<string>();
    const expunged = new Set<string>();
    for (const stopAfter of seed) {
      const { child, lines, exited } = start('churn');
      let count = 0;
      for await (const line of lines) {
        const step = JSON.parse(line) as { saved?: string; expunging?: string; expunged?: string } & Saved;
        if (step.saved !== undefined) kept.set(step.saved, step);
        if (step.expunging !== undefined) maybe.add(step.expunging);
        if (step.expunged !== undefined) expunged.add(step.expunged);
        if (++count === stopAfter) child.kill('SIGKILL');
      }
      await exited;
      expect(count).toBeGreaterThanOrEqual(stopAfter);
      const mails = await allMails();
      const batches = new Map<string, string[]>();
      for (const { pop3Uidl = '', guid, uid } of mails) {
        batches.set(pop3Uidl, [...(batches.get(pop3Uidl) ?? []), guid]);
        expect(await text(uid)).toBe(`Subject: ${guid}\r\n\r\n${guid.repeat(20)}\r\n`);
      }
      for (const [name, guids] of batches) {
        expect(guids, `batch ${name}`).toHaveLength(3);
        expect(expunged).not.toContain(name);
      }
      for (const [name, { guids }] of kept) if (!maybe.has(name)) expect(batches.get(name)).toEqual(guids);
      expect((await inbox.status()).messagesCount).toBe(mails.length);
    }
    expect(await inbox.lostBodies()).toEqual([]);
    await store.sweep(user, 0);
    expect(bodyFiles(homeOf(folder, user))).toHaveLength((await allMails()).length);
    expect(readdirSync(join(homeOf(folder, user), 'Maildir/tmp'))).toEqual([]);
  });
});

describe('the sync lock', () => {
  it('keeps another process out, and dies with its holder', async () => {
    const { child, lines, exited } = start('lock');
    await once(lines, 'line');
    await expect(mail.lock(0)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED', outcome: 'busy' });
    await expect(mail.lock(30)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED' });
    const waiting = mail.lock(20_000);
    child.kill('SIGKILL');
    await exited;
    await (await waiting).release();
  });

  it('goes with the thread that held it: others may take it, and its holder can write nothing more', async () => {
    const { child, lines, exited } = start('guard');
    const steps = lines[Symbol.asyncIterator]();
    expect((await steps.next()).value).toBe('"locked"');
    await expect(mail.lock(0)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED' });
    child.stdin.write('end the thread\n');
    expect((await steps.next()).value).toBe('"ended"');
    const lock = await mail.lock(0);
    child.stdin.write('go on\n');
    expect(JSON.parse(String((await steps.next()).value))).toEqual({
      written: 'DSYNCD_STORE_WORKER_DIED',
      locked: 'DSYNCD_STORE_LOCKED',
      read: 'done',
    });
    expect(await exited).toEqual([0, null]);
    expect((await mail.tree()).nodes.map(({ path }) => path)).toEqual([['INBOX']]);
    await lock.release();
  });

  it('survives that threads of other stores come and go, which once crashed the process', async () => {
    const lock = await mail.lock(0);
    for (let round = 0; round < 5; round++) {
      const other = openStore(folder);
      const handle = await other.open(user);
      await expect(handle.lock(0)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED' });
      await other.close();
    }
    await lock.release();
  });

  it('is given in the order of asking, and a waiter that gave up is passed over', async () => {
    const first = await mail.lock(0);
    const order: string[] = [];
    const second = mail.lock(20_000).then((lock) => {
      order.push('second');
      return lock;
    });
    await expect(mail.lock(5)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED' });
    const third = mail.lock(20_000).then((lock) => {
      order.push('third');
      return lock;
    });
    await first.release();
    await (await second).release();
    await (await third).release();
    expect(order).toEqual(['second', 'third']);
  });
});
