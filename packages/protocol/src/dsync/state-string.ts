import { crc32 } from 'node:zlib';
import { asMailboxGuid, type MailboxGuid } from '@dsyncd/core';

/** Where the last sync left one mailbox. */
export interface MailboxSyncState {
  readonly guid: MailboxGuid;
  readonly uidValidity: number;
  readonly lastCommonUid: number;
  /** Every change of ours up to this modseq is on the other side. */
  readonly localModSeq: number;
  /** Every change of the peer's up to this modseq is on our side. Dovecot keeps one number for both. */
  readonly remoteModSeq: number;
  readonly lastCommonPvtModSeq: number;
  readonly messagesCount: number;
}

/** The two forms: Dovecot's, and ours with a modseq for each side. */
const forms = {
  dovecot: { version: 1, recordBytes: 44 },
  dsyncd: { version: 0x44, recordBytes: 52 },
} as const;
const headBytes = 4;
const crcBytes = 4;

/**
 * The state string: base64 of a version, one record a mailbox and a CRC32 over all of it.
 * Where both sides have one modseq for every mailbox it is the string that Dovecot itself would write.
 */
export function encodeState(states: readonly MailboxSyncState[]): string {
  const isCommon = states.every(({ localModSeq, remoteModSeq }) => localModSeq === remoteModSeq);
  const { version, recordBytes } = isCommon ? forms.dovecot : forms.dsyncd;
  const bytes = Buffer.alloc(headBytes + states.length * recordBytes + crcBytes);
  bytes[0] = version;
  states.forEach((state, index) => {
    const at = headBytes + index * recordBytes;
    bytes.write(state.guid, at, 'hex');
    bytes.writeUInt32LE(state.uidValidity, at + 16);
    bytes.writeUInt32LE(state.lastCommonUid, at + 20);
    bytes.writeBigUInt64LE(BigInt(state.localModSeq), at + 24);
    bytes.writeBigUInt64LE(BigInt(state.lastCommonPvtModSeq), at + 32);
    bytes.writeUInt32LE(state.messagesCount, at + 40);
    if (!isCommon) bytes.writeBigUInt64LE(BigInt(state.remoteModSeq), at + 44);
  });
  bytes.writeUInt32LE(crc32(bytes.subarray(0, -crcBytes)), bytes.length - crcBytes);
  return bytes.toString('base64');
}

/** @returns undefined when the string is damaged or of a version that is not known: time for a full sync. */
export function decodeState(text: string): MailboxSyncState[] | undefined {
  if (text === '') return [];
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  const form = Object.values(forms).find(({ version }) => version === bytes[0]);
  if (form === undefined || bytes.length < headBytes + crcBytes) return undefined;
  const recordsBytes = bytes.length - headBytes - crcBytes;
  if (recordsBytes % form.recordBytes !== 0) return undefined;
  if (crc32(bytes.subarray(0, -crcBytes)) !== bytes.readUInt32LE(bytes.length - crcBytes)) return undefined;
  const states: MailboxSyncState[] = [];
  for (let at = headBytes; at < bytes.length - crcBytes; at += form.recordBytes) {
    const localModSeq = Number(bytes.readBigUInt64LE(at + 24));
    states.push({
      guid: asMailboxGuid(bytes.toString('hex', at, at + 16)),
      uidValidity: bytes.readUInt32LE(at + 16),
      lastCommonUid: bytes.readUInt32LE(at + 20),
      localModSeq,
      remoteModSeq: form === forms.dovecot ? localModSeq : Number(bytes.readBigUInt64LE(at + 44)),
      lastCommonPvtModSeq: Number(bytes.readBigUInt64LE(at + 32)),
      messagesCount: bytes.readUInt32LE(at + 40),
    });
  }
  return states;
}
