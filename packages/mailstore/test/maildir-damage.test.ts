import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { asMailGuid, asUid, type MailGuid, parseUserName, systemClock, type Uid } from '@dsyncd/core';
import type { MailboxMail, MaildirStore, SaveChange, UserMail } from '@dsyncd/mailstore';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bodyFile, bodyFiles, makeFolder, openStore, removeFolder } from './maildir-setup.ts';

const user = parseUserName('carol');
let folder: string;
let home: string;
let store: MaildirStore;
let mail: UserMail;

beforeEach(async () => {
  folder = makeFolder();
  home = join(folder, user);
  store = openStore(folder, { workers: 1 });
  mail = await store.open(user, { create: true });
});
afterEach(async () => {
  await store.close();
  removeFolder(folder);
});

async function inboxOf(handle: UserMail = mail): Promise<MailboxMail> {
  const inbox = await handle.mailboxByPath(['INBOX']);
  if (inbox === undefined) throw new Error('no INBOX');
  return inbox;
}

async function* bytes(body: string | Uint8Array): AsyncGenerator<Uint8Array> {
  yield Buffer.from(body);
}

async function save(
  mailbox: MailboxMail,
  body: string | Uint8Array,
  rest: Partial<SaveChange> = {},
): Promise<Uid> {
  const staged = await mail.stageBody(bytes(body));
  try {
    const [result] = (await mailbox.apply([{ type: 'save', body: staged, ...rest }])).results;
    if (result === undefined || !('uid' in result)) throw new Error('no UID');
    return result.uid;
  } catch (error) {
    await staged.discard();
    throw error;
  }
}

async function text(mailbox: MailboxMail, uid: Uid): Promise<string> {
  let all = '';
  for await (const chunk of await mailbox.body(uid)) all += String(chunk);
  return all;
}

const index = () => join(home, 'dsyncd-index.sqlite');
const damaged = { code: 'DSYNCD_STORE_INDEX_DAMAGED', outcome: 'operator' };

describe('the index', () => {
  const modes = (): readonly string[] =>
    readdirSync(home)
      .filter((name) => statSync(join(home, name)).isFile())
      .map((name) => `${name} ${(statSync(join(home, name)).mode & 0o777).toString(8)}`);

  it('is readable for its owner only, with all that stands beside it', async () => {
    const all = ['dsyncd-index.sqlite 600', 'dsyncd-index.sqlite-journal 600'];
    await save(await inboxOf(), 'a mail');
    expect(modes()).toEqual(all);
    await store.close();
    // As earlier versions left them.
    for (const name of ['', '-journal']) chmodSync(`${index()}${name}`, 0o644);
    store = openStore(folder, { workers: 1 });
    mail = await store.open(user);
    expect(modes()).toEqual(all);
    await store.rebuildIndex(user);
    mail = await store.open(user);
    await save(await inboxOf(), 'another mail');
    for (const line of modes()) expect(line).toMatch(/ 600$/);
  });
});

describe('a damaged index', () => {
  const damages: readonly (readonly [string, () => void])[] = [
    ['overwritten', () => writeFileSync(index(), Buffer.alloc(50_000, 'x'))],
    ['emptied', () => truncateSync(index(), 0)],
    ['removed', () => rmSync(index())],
  ];

  it.each(damages)('%s, is told as such and can be rebuilt from the mail files', async (_, damage) => {
    const inbox = await inboxOf();
    const longGuid = asMailGuid('/ü'.repeat(120));
    await save(inbox, 'one\n');
    await save(inbox, 'two\n', { guid: longGuid, receivedAt: 1_600_000_000 });
    const work = await mail.createMailbox(['Work', 'a.b']);
    await save(await mail.mailbox(work.guid), 'three', {
      uid: asUid(77),
      guid: asMailGuid('1.M2P3.host,S=4/5'),
    });
    await mail.rename(['Work', 'a.b'], ['Archive', '2026']);
    const before = await mail.tree();
    const mailsBefore = await inbox.mails(asUid(1), 10);
    await store.close();
    for (const rest of ['-journal']) rmSync(`${index()}${rest}`, { force: true });
    damage();

    store = openStore(folder);
    const error = await store.open(user).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject(damaged);
    expect(error).toMatchObject({
      message: expect.stringContaining(index()),
      hint: expect.stringContaining('rebuild'),
    });
    expect(String(error)).toContain(user);

    const report = await store.rebuildIndex(user);
    expect(report.mailboxes.map(({ path, mails }) => [path, mails])).toEqual([
      ['INBOX', 2],
      ['Archive/2026', 1],
    ]);
    if (existsSync(report.movedTo ?? '')) expect(dirname(report.movedTo ?? '')).toBe(home);

    mail = await store.open(user);
    const after = await mail.tree();
    const identity = ({ path, mailbox }: (typeof after.nodes)[number]) => [
      path,
      mailbox?.guid,
      mailbox?.uidValidity,
    ];
    const mailboxes = (tree: typeof after) =>
      tree.nodes.filter(({ mailbox }) => mailbox !== undefined).map(identity);
    expect(mailboxes(after)).toEqual(mailboxes(before));
    const again = await inboxOf();
    const known = (records: typeof mailsBefore) =>
      records.map(({ uid, guid, receivedAt, size, virtualSize }) => ({
        uid,
        guid,
        receivedAt,
        size,
        virtualSize,
      }));
    expect(known(await again.mails(asUid(1), 10))).toEqual(known(mailsBefore));
    expect(await text(again, asUid(2))).toBe('two\n');
    for (const { path, mailbox } of after.nodes) {
      const old = before.nodes.find((node) => node.path.join('/') === path.join('/'))?.mailbox;
      if (mailbox === undefined || old === undefined) continue;
      expect(mailbox.uidNext).toBeGreaterThan(old.uidNext);
      expect(mailbox.highestModSeq).toBeGreaterThan(old.highestModSeq);
    }
    expect(await save(again, 'new')).toBeGreaterThan(2);
  });

  it('found while it is open, is told by whatever meets it', async () => {
    const inbox = await inboxOf();
    for (let count = 0; count < 20; count++) await save(inbox, 'x');
    await store.close();
    const { size } = statSync(index());
    const file = openSync(index(), 'r+');
    writeSync(file, Buffer.alloc(size - 4096, 0xff), 0, size - 4096, 4096);
    closeSync(file);
    store = openStore(folder);
    await expect(store.open(user).then((opened) => opened.tree())).rejects.toMatchObject(damaged);
    expect((await store.rebuildIndex(user)).mailboxes).toMatchObject([{ path: 'INBOX', mails: 20 }]);
    mail = await store.open(user);
    expect(await (await inboxOf()).mails(asUid(1), 100)).toHaveLength(20);
  });

  it('is not rebuilt while the user is being synced', async () => {
    const lock = await mail.lock(0);
    const other = openStore(folder, {
      clock: { ...systemClock, after: (_, task) => systemClock.after(0, task) },
    });
    await expect(other.rebuildIndex(user)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED' });
    await lock.release();
    await other.close();
  });

  it('newer than this program is left alone', async () => {
    await store.close();
    const { default: Database } = await import('better-sqlite3');
    const db = new Database(index());
    db.pragma('user_version = 99');
    db.close();
    store = openStore(folder);
    await expect(store.open(user)).rejects.toMatchObject({
      code: 'DSYNCD_STORE_INDEX_NEWER',
      outcome: 'operator',
    });
  });
});

describe('a home that is replaced while it is open', () => {
  it('is not written to any more: the new one is', async () => {
    await save(await inboxOf(), 'old');
    renameSync(home, `${home}.old`);
    await expect(mail.tree()).rejects.toMatchObject({ code: 'DSYNCD_STORE_NO_USER' });
    mail = await store.open(user, { create: true });
    const inbox = await inboxOf();
    expect((await inbox.status()).messagesCount).toBe(0);
    await save(inbox, 'new');
    await store.close();
    store = openStore(folder);
    mail = await store.open(user);
    expect(await text(await inboxOf(), asUid(1))).toBe('new');
  });
});

describe('lost and leftover files', () => {
  it('a body that was cut short is lost, is not copied from, and can be put back', async () => {
    const inbox = await inboxOf();
    const guid: MailGuid = asMailGuid('a'.repeat(32));
    const uid = await save(inbox, 'whole body', { guid });
    truncateSync(bodyFile(home, inbox.guid, uid), 3);
    await expect(inbox.body(uid)).rejects.toMatchObject({
      code: 'DSYNCD_STORE_BODY_LOST',
      outcome: 'transient',
    });
    expect(await inbox.lostBodies()).toEqual([uid]);
    expect((await mail.findBodies([guid])).size).toBe(0);
    await inbox.restoreBody(uid, await mail.stageBody(bytes('whole body')));
    expect(await text(inbox, uid)).toBe('whole body');
    expect(await inbox.lostBodies()).toEqual([]);
  });

  it('a copy from a body that is missing is refused whole and notes the loss', async () => {
    const inbox = await inboxOf();
    const uid = await save(inbox, 'gone soon');
    rmSync(bodyFile(home, inbox.guid, uid));
    const { guid } = await mail.createMailbox(['Copies']);
    const copies = await mail.mailbox(guid);
    const staged = await mail.stageBody(bytes('other'));
    const changes = [
      { type: 'save', body: staged },
      { type: 'save', body: { mailbox: inbox.guid, uid } },
    ] as const;
    await expect(copies.apply(changes)).rejects.toMatchObject({ code: 'DSYNCD_STORE_BODY_LOST' });
    expect((await copies.status()).messagesCount).toBe(0);
    expect(await inbox.lostBodies()).toEqual([uid]);
    await copies.apply([{ type: 'save', body: staged }]);
    expect(await text(copies, asUid(1))).toBe('other');
  });

  it('a copy within the user is a link to the same file', async () => {
    const inbox = await inboxOf();
    const uid = await save(inbox, 'shared');
    const { guid } = await mail.createMailbox(['Copies']);
    const copies = await mail.mailbox(guid);
    await copies.apply([{ type: 'save', body: { mailbox: inbox.guid, uid } }]);
    expect(statSync(bodyFile(home, guid, asUid(1))).ino).toBe(statSync(bodyFile(home, inbox.guid, uid)).ino);
    await inbox.apply([{ type: 'expunge', uid }]);
    expect(await text(copies, asUid(1))).toBe('shared');
  });

  it('a body that cannot be removed does not undo its expunge', async () => {
    const inbox = await inboxOf();
    const uid = await save(inbox, 'mail');
    const file = bodyFile(home, inbox.guid, uid);
    rmSync(file);
    mkdirSync(file);
    const { results } = await inbox.apply([{ type: 'expunge', uid }]);
    expect(results).toEqual([{ changed: true }]);
    expect((await inbox.status()).messagesCount).toBe(0);
  });

  it('many expunged bodies go, too', async () => {
    const inbox = await inboxOf();
    const bodies = await Promise.all(Array.from({ length: 150 }, () => mail.stageBody(bytes('x'))));
    const { results } = await inbox.apply(bodies.map((body) => ({ type: 'save', body })));
    expect(bodyFiles(home)).toHaveLength(150);
    await inbox.apply(
      results.flatMap((result) => ('uid' in result ? { type: 'expunge', uid: result.uid } : [])),
    );
    await expect.poll(() => bodyFiles(home).length).toBe(0);
  });

  it('a large body that is being read outlives its expunge', async () => {
    const inbox = await inboxOf();
    const large = Buffer.alloc(2 * 1024 * 1024, 'large ');
    const uid = await save(inbox, large);
    const stream = await inbox.body(uid);
    await inbox.apply([{ type: 'expunge', uid }]);
    expect(bodyFiles(home)).toEqual([]);
    let size = 0;
    for await (const chunk of stream) size += (chunk as Buffer).length;
    expect(size).toBe(large.length);
  });

  it('only old leftovers are swept, no mail, and nothing of others', async () => {
    const inbox = await inboxOf();
    const uid = await save(inbox, 'mail');
    const cur = join(home, 'Maildir/cur');
    const leftover = join(cur, `1700000000.${'b'.repeat(32)}.U${uid},S=4`);
    const foreign = join(cur, '1700000000.M1P1.host:2,S');
    const staged = join(home, 'Maildir/tmp/1700000000.1.x');
    for (const file of [leftover, foreign, staged]) writeFileSync(file, 'left');
    expect(await store.sweep(user)).toBe(0);
    expect(await store.sweep(user, -60_000)).toBe(2);
    expect([leftover, foreign, staged].map((file) => existsSync(file))).toEqual([false, true, false]);
    expect(await text(inbox, uid)).toBe('mail');
  });

  it('a deleted mailbox leaves no folder, and a new one of its name starts anew', async () => {
    const first = await mail.createMailbox(['Work']);
    await save(await mail.mailbox(first.guid), 'first');
    await mail.deleteMailbox(first.guid);
    expect(readdirSync(join(home, 'Maildir')).filter((name) => name.startsWith('.'))).toEqual([]);
    mkdirSync(join(home, 'Maildir/.Work/cur'), { recursive: true });
    const second = await mail.createMailbox(['Work']);
    await save(await mail.mailbox(second.guid), 'second');
    expect(bodyFile(home, second.guid, asUid(1))).not.toContain('/.Work/');
    expect(second.uidValidity).toBeGreaterThan(first.uidValidity);
  });
});

const mountTmpfs = (path: string): boolean =>
  process.getuid?.() === 0 &&
  spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=2m', 'dsyncd-test', path]).status === 0;

async function* largeBody(chunks = 1): AsyncGenerator<Uint8Array> {
  for (let count = 0; count < chunks; count++) yield Buffer.alloc(100_000, 'x');
}

describe('a body that stops coming', () => {
  it('leaves no file, whenever that is', async () => {
    async function* broken(chunks: number): AsyncGenerator<Uint8Array> {
      yield* largeBody(chunks);
      throw new Error('the client is gone');
    }
    for (const chunks of [1, 2, 5])
      await expect(mail.stageBody(broken(chunks))).rejects.toThrow('the client is gone');
    expect(readdirSync(join(home, 'Maildir/tmp'))).toEqual([]);
  });
});

describe('a full disk', () => {
  it('is told, leaves no half mail, and is over once there is room', async (context) => {
    const small = join(folder, 'small');
    mkdirSync(small);
    if (!mountTmpfs(small)) return context.skip('needs root, who may mount');
    const full = openStore(small, { workers: 1 });
    try {
      mail = await full.open(user, { create: true });
      const inbox = await inboxOf();
      const errors: unknown[] = [];
      let saved = 0;
      while (errors.length < 3 && saved < 10_000)
        await save(inbox, Buffer.alloc(errors.length === 0 ? 20_000 : 100, 'x')).then(
          () => saved++,
          (error: unknown) => errors.push(error),
        );
      expect(errors).toHaveLength(3);
      for (const error of errors) {
        expect(error).toMatchObject({ code: 'DSYNCD_STORE_DISK_FULL', outcome: 'transient' });
        expect(String(error)).toContain(user);
      }
      const mails = await inbox.mails(asUid(1), 100_000);
      expect(mails).toHaveLength(saved);
      for (const { uid, size } of mails) expect((await text(inbox, uid)).length).toBe(size);
      // Too big for memory: these are refused while they come.
      for (const body of [largeBody(), largeBody(5)])
        await expect(mail.stageBody(body)).rejects.toMatchObject({ code: 'DSYNCD_STORE_DISK_FULL' });
      expect(readdirSync(join(small, user, 'Maildir/tmp'))).toEqual([]);
      rmSync(bodyFile(join(small, user), inbox.guid, asUid(1)));
      rmSync(bodyFile(join(small, user), inbox.guid, asUid(2)));
      await inbox.apply([
        { type: 'expunge', uid: asUid(1) },
        { type: 'expunge', uid: asUid(2) },
      ]);
      expect(await save(inbox, 'room again')).toBeGreaterThan(saved);
    } finally {
      await full.close();
      expect(spawnSync('/bin/umount', [small]).status).toBe(0);
    }
  });
});
