import { closeSync, readSync } from 'node:fs';
import { asUid, type MailboxGuid, type Uid } from '@dsyncd/core';
import { bodyDiffersError, bodyLostError, noMailError } from '../../errors.ts';
import type { MailPlace } from '../../port.ts';
import type { BodyName } from '../names-on-disk.ts';
import type { WireBody, WireStage } from '../wire.ts';
import { BodyMoves, bodyPath, openBody, storeStages, unlinkIfThere } from './body-files.ts';
import { findMailboxRow, mailboxRow } from './index-rows.ts';
import type { UserIndex } from './user-index.ts';

/** Up to this size a body is read here at once; above, the reader gets the open file. */
const wholeBytesMax = 256 * 1024;

interface FoundBody {
  readonly mailboxId: number;
  readonly folder: string;
  readonly name: BodyName;
}

function findBody(index: UserIndex, guid: MailboxGuid, uid: Uid): FoundBody | undefined {
  const mailbox = mailboxRow(index, guid);
  const mail = index.get<{ guid: string; received_at: number; size: number }>(
    'select guid, received_at, size from mails where mailbox = ? and uid = ?',
    mailbox.id,
    uid,
  );
  if (mail === undefined) return undefined;
  const name = { guid: mail.guid, receivedAt: mail.received_at, size: mail.size, uid };
  return { mailboxId: mailbox.id, folder: mailbox.folder, name };
}

/** A file that is gone may have been expunged between our two looks: then the index says so now. */
export function readBody(index: UserIndex, guid: MailboxGuid, uid: Uid): WireBody {
  const place = { mailbox: guid, uid };
  const body = findBody(index, guid, uid);
  if (body === undefined) throw noMailError(place);
  const fd = openBody(bodyPath(index.home, body.folder, body.name), body.name.size);
  if (fd !== undefined)
    return body.name.size > wholeBytesMax ? { fd } : { bytes: readWhole(fd, body.name.size) };
  if (!noteLostBody(index, place)) throw noMailError(place);
  throw bodyLostError(place);
}

function readWhole(fd: number, size: number): Uint8Array {
  try {
    const bytes = new Uint8Array(size);
    for (let done = 0; done < size; ) {
      const count = readSync(fd, bytes, done, size - done, null);
      if (count === 0) throw new Error('the file got shorter while it was read');
      done += count;
    }
    return bytes;
  } finally {
    closeSync(fd);
  }
}

/** @returns whether the index still has the mail, and its file is still missing. */
export function noteLostBody(index: UserIndex, { mailbox, uid }: MailPlace): boolean {
  return index.write(() => {
    if (findMailboxRow(index, mailbox) === undefined) return false;
    const body = findBody(index, mailbox, uid);
    if (body === undefined) return false;
    index.run('insert or ignore into lost values (?, ?)', body.mailboxId, uid);
    return true;
  });
}

export function lostBodies(index: UserIndex, guid: MailboxGuid): readonly Uid[] {
  const { id } = mailboxRow(index, guid);
  return index
    .rows<readonly [number]>('select uid from lost where mailbox = ? order by uid', id)
    .map(([uid]) => asUid(uid));
}

/** A body that is there stays as it is; the stage is used up all the same. */
export async function restoreBody(
  index: UserIndex,
  context: { readonly tmpPrefix: string },
  guid: MailboxGuid,
  uid: Uid,
  stage: WireStage,
): Promise<void> {
  const place = { mailbox: guid, uid };
  const known = findBody(index, guid, uid);
  if (known === undefined) throw noMailError(place);
  if (known.name.size !== stage.size)
    throw bodyDiffersError(uid, { known: known.name.size, given: stage.size });
  const [body] = await storeStages(index.home, [stage], () => `${context.tmpPrefix}.restore`);
  if (body === undefined) return;
  const moves = new BodyMoves(index.home);
  try {
    index.write(
      () => {
        const present = findBody(index, guid, uid);
        if (present === undefined) throw noMailError(place);
        if (isThere(index, present)) moves.discard(body);
        else moves.place(body, present.folder, present.name);
        moves.sync();
        index.run('delete from lost where mailbox = ? and uid = ?', present.mailboxId, uid);
      },
      () => moves.undo(),
    );
  } catch (error) {
    if (stage.kind === 'bytes') unlinkIfThere(body.path);
    throw error;
  }
  moves.finish();
}

function isThere(index: UserIndex, body: FoundBody): boolean {
  const fd = openBody(bodyPath(index.home, body.folder, body.name), body.name.size);
  if (fd !== undefined) closeSync(fd);
  return fd !== undefined;
}
