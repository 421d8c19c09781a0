import { readFileSync } from 'node:fs';
import { asMailboxGuid, asMailGuid, asModSeq, asUid, asUidValidity, limits } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { Fields } from '../src/dsync/record.ts';
import { DsyncStream, decodeState, encodeState, type Received } from '../src/index.ts';
import { scriptedLink } from './memory-link.ts';

/** One direction of a sync that two real Dovecots did. */
function recorded(file: string, direction: 'I' | 'O'): string {
  return readFileSync(new URL(`recorded/${file}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line.includes(` ${direction}: `))
    .map((line) => `${line.slice(line.indexOf(': ') + 2)}\n`)
    .join('');
}

async function receiveAll(text: string): Promise<Received[]> {
  const stream = new DsyncStream(scriptedLink([text]));
  const items: Received[] = [];
  try {
    for (;;) items.push(await stream.receive());
  } catch (error) {
    expect(error).toMatchObject({ code: 'DSYNCD_PEER_CLOSED' });
  }
  return items;
}

test.each(['rawlog-2.3-to-2.4.txt', 'rawlog-2.4-to-2.3.txt'])(
  'reads both directions of %s, recorded between real Dovecots',
  async (file) => {
    for (const direction of ['I', 'O'] as const) {
      const items = await receiveAll(recorded(file, direction));
      expect(items[0]).toMatchObject({ type: 'handshake', hostname: 'vm' });
      const types = new Set(items.map(({ type }) => type));
      expect([...types]).toEqual(
        expect.arrayContaining(['node', 'deletes', 'mailbox', 'change', 'state', 'end']),
      );
      expect(items.find(({ type }) => type === 'node')).toMatchObject({
        path: ['INBOX'],
        existence: 'exists',
      });
    }
  },
);

test('reads flags, keywords and attributes as Dovecot wrote them', async () => {
  const items = await receiveAll(recorded('rawlog-2.3-to-2.4.txt', 'I'));
  expect(items.find((item) => item.type === 'change' && item.kind === 'save')).toMatchObject({
    uid: 1,
    guid: 'ea6b1807ffcd036b0b04000083ecc375',
    modSeq: 5781,
    addFlags: 0x0b,
    removeFlags: 0x10,
    finalFlags: 0x09,
    keywords: [{ kind: 'add-and-final', name: '$Important' }],
  });
});

test('what one stream sends, another reads', async () => {
  const link = scriptedLink([]);
  const out = new DsyncStream(link);
  const guid = asMailboxGuid('0123456789abcdef0123456789abcdef');
  const items = [
    { type: 'handshake', hostname: 'a.example.com', syncType: 'full', syncFlags: '\u0002odd' },
    { type: 'node', path: ['Tab\there', 'Größe'], existence: 'exists', guid, lastRenamedOrCreated: 7 },
    { type: 'deletes', hierarchySeparator: '/', escapeCharacter: '', mailboxes: [{ guid, at: 9 }] },
    { type: 'deletes', hierarchySeparator: '/', escapeCharacter: '', givenUp: [{ guid, by: guid }] },
    { type: 'change', kind: 'flags', uid: 3, guid: 'x', keywords: [{ kind: 'add-and-final', name: 'a\tb' }] },
    { type: 'change', kind: 'save', uid: 4, guid: 'odd', flagModSeqs: { '\\Seen': 4 } },
    { type: 'finish', error: 'line\nbreak', requireFullResync: true },
  ] as const;
  const deletes = { mailboxes: [], directories: [], unsubscribes: [], givenUp: [] };
  const full = { changes: 0, subscribed: true, lastSubscriptionChange: 5, ...deletes };
  const numbers = {
    modSeq: 1,
    pvtModSeq: 0,
    addFlags: 1,
    removeFlags: 2,
    finalFlags: 5,
    keywordsReset: false,
  };
  for (const item of items)
    await out.send({ keywords: [], ...full, ...numbers, ...item } as unknown as Parameters<
      typeof out.send
    >[0]);
  await out.flush();
  const got = await receiveAll(link.written());
  for (const [index, item] of items.entries()) {
    const { type } = item;
    if (type === 'change' && item.kind === 'save') continue;
    expect(got[index]).toMatchObject(item);
  }
});

test('a body and the item after it', async () => {
  const link = scriptedLink([]);
  const out = new DsyncStream(link);
  await out.send({ type: 'mail', hasStream: true });
  await out.sendBody(
    (async function* () {
      yield Buffer.from('.\r\n..\r\nbody\r\n');
    })(),
  );
  await out.sendEnd();
  await out.flush();
  const text = link.written();
  for (const cut of [1, 7, text.length - 4]) {
    const stream = new DsyncStream(scriptedLink([text.slice(0, cut), text.slice(cut)]));
    expect(await stream.receive()).toMatchObject({ type: 'mail', hasStream: true });
    const parts: Uint8Array[] = [];
    for await (const part of stream.body()) parts.push(Buffer.from(part));
    expect(Buffer.concat(parts).toString()).toBe('.\r\n..\r\nbody\r\n');
    expect(await stream.receive()).toEqual({ type: 'end' });
  }
});

test.each([
  ['garbage', 'SSH-2.0-OpenSSH_9.2\r\n', 'DSYNCD_PROTOCOL'],
  ['another version', 'VERSION\tdsync\t4\t0\n', 'DSYNCD_PROTOCOL'],
  ['an end in the middle', 'VERSION\tdsync\t3\t5\nHhostna', 'DSYNCD_PEER_CLOSED'],
  ['missing keys', 'VERSION\tdsync\t3\t5\nHhostname\n.\n', 'DSYNCD_PROTOCOL'],
  ['a line without end', `VERSION${'x'.repeat(limits.dsyncLineBytesMax + 1)}`, 'DSYNCD_PROTOCOL'],
])('a peer that sends %s', async (_, text, code) => {
  await expect(new DsyncStream(scriptedLink([text])).receive()).rejects.toMatchObject({
    code,
    outcome: 'transient',
  });
});

const header = {
  type: 'mailbox',
  guid: asMailboxGuid('0123456789abcdef0123456789abcdef'),
  uidValidity: asUidValidity(1),
  uidNext: asUid(2),
  firstRecentUid: asUid(1),
  highestModSeq: asModSeq(1),
  highestPvtModSeq: asModSeq(0),
  lost: false,
  ignored: false,
  haveGuids: true,
  haveSaveGuids: true,
  haveOnlyGuid128: false,
  ignoreState: false,
} as const;

test('a peer may claim as many mails as a mailbox can have, and none more', async () => {
  const receive = async (messagesCount: number): Promise<Received> => {
    const sent = scriptedLink([]);
    const stream = new DsyncStream(sent);
    await stream.send({ ...header, messagesCount });
    await stream.flush();
    return new DsyncStream(scriptedLink([sent.written()])).receive();
  };
  await expect(receive(limits.mailsPerMailboxMax)).resolves.toMatchObject({
    messagesCount: limits.mailsPerMailboxMax,
  });
  await expect(receive(limits.mailsPerMailboxMax + 1)).rejects.toMatchObject({
    code: 'DSYNCD_PEER_LIMIT',
    outcome: 'operator',
  });
});

test('a date that cannot be shown is taken for the last one that can', async () => {
  const sent = scriptedLink([]);
  const stream = new DsyncStream(sent);
  const farAway = { receivedAt: Number.MAX_SAFE_INTEGER, savedAt: limits.unixSecondsMax } as const;
  await stream.send({ type: 'mail', guid: asMailGuid('one'), hasStream: false, ...farAway });
  await stream.flush();
  await expect(new DsyncStream(scriptedLink([sent.written()])).receive()).resolves.toMatchObject({
    receivedAt: limits.unixSecondsMax,
    savedAt: limits.unixSecondsMax,
  });
});

test.each([
  ['-315619200', '-12cff780'],
  ['18446744073393932416', 'ffffffffed300880'],
])('a date before 1970 that comes as %s, or as %s, is one', (decimal, hexadecimal) => {
  const fields = new Fields('mail', { received_date: decimal, received_timestamp: hexadecimal });
  expect(fields.date('received_date')).toBe(-315_619_200);
  expect(fields.hexDate('received_timestamp')).toBe(-315_619_200);
});

test.each(['--1', '', '1'.repeat(21), '0x1', '1.5'])('"%s" is no date', (text) => {
  const fields = new Fields('mail', { received_date: text, received_timestamp: text });
  expect(() => fields.date('received_date')).toThrow(/received_date/);
  expect(() => fields.hexDate('received_timestamp')).toThrow(/received_timestamp/);
});

test('state strings keep what they say, and Dovecot can read those with one modseq', () => {
  const state = {
    guid: asMailboxGuid('0123456789abcdef0123456789abcdef'),
    uidValidity: 1,
    lastCommonUid: 0xffff_fffe,
    localModSeq: 2 ** 40,
    remoteModSeq: 2 ** 40,
    lastCommonPvtModSeq: 3,
    messagesCount: 4,
  };
  const dovecot = encodeState([state]);
  expect(Buffer.from(dovecot, 'base64')[0]).toBe(1);
  expect(decodeState(dovecot)).toEqual([state]);
  const ours = encodeState([{ ...state, remoteModSeq: 5 }]);
  expect(decodeState(ours)).toEqual([{ ...state, remoteModSeq: 5 }]);
  expect(decodeState('')).toEqual([]);
});

test.each(['AQAA', '!!!!', 'AgAAAAAAAAA=', 'x'])('the damaged state %s is not trusted', (text) => {
  expect(decodeState(text)).toBeUndefined();
});

async function changeWith(keywords: number): Promise<Received> {
  const link = scriptedLink([]);
  const out = new DsyncStream(link);
  await out.send({
    type: 'change',
    kind: 'flags',
    uid: asUid(7),
    guid: 'x',
    modSeq: asModSeq(1),
    pvtModSeq: asModSeq(0),
    addFlags: 0,
    removeFlags: 0,
    finalFlags: 0,
    keywordsReset: false,
    keywords: Array.from({ length: keywords }, (_, index) => ({ kind: 'final', name: `k${index}` })),
  });
  await out.flush();
  return new DsyncStream(scriptedLink([link.written()])).receive();
}

test('a mail may have so many keywords, and no more', async () => {
  expect(await changeWith(limits.keywordsPerChangeMax)).toMatchObject({ type: 'change', uid: 7 });
  await expect(changeWith(limits.keywordsPerChangeMax + 1)).rejects.toMatchObject({
    code: 'DSYNCD_PEER_LIMIT',
    outcome: 'operator',
    message: expect.stringContaining('keywords of the mail with UID 7'),
  });
});

test('the length of a field is that of its bytes', () => {
  const fields = new Fields('handshake', { hostname: 'ü'.repeat(100) });
  expect(fields.text('hostname', 200)).toHaveLength(100);
  expect(() => fields.text('hostname', 199)).toThrow('hostname');
});
