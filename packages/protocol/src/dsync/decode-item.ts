import {
  DsyncdError,
  isMailboxGuid,
  isMailGuid,
  limits,
  type MailboxGuid,
  type MailboxPath,
  type ModSeq,
  type Uid,
  type UidValidity,
  uint32Max,
} from '@dsyncd/core';
import type {
  Attribute,
  DsyncItem,
  Finish,
  Handshake,
  KeywordChange,
  MailboxHeader,
  MailboxState,
  MailChangeItem,
  MailItem,
  MailRequest,
  TreeDeletes,
  TreeNode,
} from './items.ts';
import { Fields, type Values } from './record.ts';

const systemFlagsMax = 32;
const syncTypes: Readonly<Record<string, Handshake['syncType']>> = { f: 'full', c: 'changed', s: 'state' };
const existences: Readonly<Record<string, TreeNode['existence']>> = {
  n: 'nonexistent',
  y: 'exists',
  d: 'deleted',
};
const kinds: Readonly<Record<string, MailChangeItem['kind']>> = { s: 'save', e: 'expunge', f: 'flags' };
const keywordKinds: Readonly<Record<string, KeywordChange['kind']>> = {
  '+': 'add',
  '-': 'remove',
  '=': 'final',
  '&': 'add-and-final',
};

function optional<Key extends string, Value>(key: Key, value: Value | undefined): { [K in Key]?: Value } {
  return (value === undefined ? {} : { [key]: value }) as { [K in Key]?: Value };
}

function handshake(fields: Fields): Handshake {
  const syncTypeText = fields.text('sync_type', 1);
  const syncType =
    syncTypeText === undefined ? undefined : (syncTypes[syncTypeText] ?? fields.bad('sync_type'));
  return {
    type: 'handshake',
    hostname: fields.requiredText('hostname', 255),
    ...optional('syncType', syncType),
    ...optional('lockTimeoutSecs', fields.integer('lock_timeout', 86_400)),
    sendMailRequests: fields.has('send_mail_requests'),
    ...optional('syncBox', fields.text('sync_box', limits.mailboxNameBytesMax)),
    ...(fields.has('exclude_mailboxes') ? { excludeMailboxes: fields.list('exclude_mailboxes') } : {}),
    backupSend: fields.has('backup_send'),
    backupRecv: fields.has('backup_recv'),
    noBackupOverwrite: fields.has('no_backup_overwrite'),
    noMailSync: fields.has('no_mail_sync'),
    ...optional('syncSinceTimestamp', fields.integer('sync_since_timestamp', Number.MAX_SAFE_INTEGER)),
    ...optional('syncUntilTimestamp', fields.integer('sync_until_timestamp', Number.MAX_SAFE_INTEGER)),
    ...optional('syncMaxSize', fields.integer('sync_max_size', Number.MAX_SAFE_INTEGER)),
    ...optional('syncFlags', fields.text('sync_flags', 4096)),
    ...optional('features', fields.text('dsyncd_features', 1024)?.split(' ')),
  };
}

const state = (fields: Fields): MailboxState => ({
  type: 'state',
  guid: fields.requiredMailboxGuid('mailbox_guid'),
  uidValidity: fields.uint32('last_uidvalidity') as UidValidity,
  lastCommonUid: fields.uid('last_common_uid'),
  lastCommonModSeq: fields.modSeq('last_common_modseq'),
  lastCommonPvtModSeq: fields.modSeq('last_common_pvt_modseq'),
  messagesCount: fields.integer('last_messages_count', uint32Max) ?? 0,
  changedDuringSync: fields.has('changes_during_sync'),
});

/** The count of mails that the peer claims to have; everything that follows is planned in memory. */
function mailCount(fields: Fields): number {
  const count = fields.uint32('messages_count');
  if (count <= limits.mailsPerMailboxMax) return count;
  throw new DsyncdError(
    'DSYNCD_PEER_LIMIT',
    `the peer has ${count} mails in a mailbox, more than ${limits.mailsPerMailboxMax}`,
    { outcome: 'operator', hint: 'split the mailbox on the peer, or check what the peer is' },
  );
}

function mailboxPath(fields: Fields): MailboxPath {
  const path = fields.list('name');
  // What a name may hold is decided where it is used: a bad one spares that mailbox, not the whole sync.
  if (path.length === 0 || path.length > 1024) fields.bad('name');
  return path;
}

const node = (fields: Fields): TreeNode => ({
  type: 'node',
  path: mailboxPath(fields),
  existence: existences[fields.requiredText('existence', 1)] ?? fields.bad('existence'),
  ...optional('guid', fields.mailboxGuid('mailbox_guid')),
  ...optional('uidValidity', fields.integer('uid_validity', uint32Max) as UidValidity | undefined),
  ...optional('uidNext', fields.integer('uid_next', uint32Max) as Uid | undefined),
  lastRenamedOrCreated: fields.seconds('last_renamed_or_created'),
  subscribed: fields.has('subscribed'),
  lastSubscriptionChange: fields.seconds('last_subscription_change'),
  ...optional(
    'highestModSeq',
    fields.integer('dsyncd_highest_modseq', Number.MAX_SAFE_INTEGER) as ModSeq | undefined,
  ),
  ...optional('messagesCount', fields.integer('dsyncd_messages_count', uint32Max)),
});

function deletions(fields: Fields, key: string): { hash: string; at: number }[] {
  const value = fields.text(key, limits.dsyncLineBytesMax);
  if (value === undefined || value === '') return [];
  const words = value.split(' ');
  const list: { hash: string; at: number }[] = [];
  for (let index = 0; index < words.length; index += 2) {
    const hash = words[index] ?? '';
    const at = Number(words[index + 1]);
    if (!isMailboxGuid(hash) || !Number.isSafeInteger(at)) fields.bad(key);
    list.push({ hash, at: Math.min(at, limits.unixSecondsMax) });
  }
  return list;
}

function givenUp(fields: Fields): TreeDeletes['givenUp'] {
  const value = fields.text('dsyncd_given_up', limits.dsyncLineBytesMax) ?? '';
  const words = value === '' ? [] : value.split(' ');
  const list: { guid: MailboxGuid; by: MailboxGuid }[] = [];
  for (let index = 0; index < words.length; index += 2) {
    const [guid = '', by = ''] = words.slice(index, index + 2);
    if (!isMailboxGuid(guid) || !isMailboxGuid(by)) fields.bad('dsyncd_given_up');
    list.push({ guid: guid, by: by });
  }
  return list;
}

const treeDeletes = (fields: Fields): TreeDeletes => ({
  type: 'deletes',
  hierarchySeparator: fields.requiredText('hierarchy_sep', 1),
  escapeCharacter: fields.text('escape_char', 1) ?? '',
  mailboxes: deletions(fields, 'mailboxes').map(({ hash, at }) => ({ guid: hash as MailboxGuid, at })),
  directories: deletions(fields, 'dirs'),
  unsubscribes: deletions(fields, 'unsubscribes'),
  givenUp: givenUp(fields),
});

const mailbox = (fields: Fields): MailboxHeader => ({
  type: 'mailbox',
  guid: fields.requiredMailboxGuid('mailbox_guid'),
  uidValidity: fields.uint32('uid_validity') as UidValidity,
  uidNext: fields.uid('uid_next'),
  messagesCount: mailCount(fields),
  firstRecentUid: fields.uid('first_recent_uid'),
  highestModSeq: fields.modSeq('highest_modseq'),
  highestPvtModSeq: fields.modSeq('highest_pvt_modseq'),
  lost: fields.has('mailbox_lost'),
  ignored: fields.has('mailbox_ignore'),
  haveGuids: fields.has('have_guids'),
  haveSaveGuids: fields.has('have_save_guids'),
  haveOnlyGuid128: fields.has('have_only_guid128'),
  ignoreState: fields.has('dsyncd_ignore_state'),
});

function attribute(fields: Fields): Attribute {
  const scope = fields.requiredText('type', 1);
  if (scope !== 'p' && scope !== 's') fields.bad('type');
  return {
    type: 'attribute',
    scope: scope === 'p' ? 'private' : 'shared',
    key: fields.requiredText('key', limits.attributeKeyBytesMax),
    ...optional('value', fields.text('value', limits.attributeValueBytesMax)),
    hasStream: fields.has('stream'),
    deleted: fields.has('deleted'),
    lastChange: fields.seconds('last_change'),
    modSeq: fields.modSeq('modseq'),
  };
}

function keywordChange(fields: Fields, text: string): KeywordChange {
  const kind = keywordKinds[text[0] ?? ''];
  const name = text.slice(1);
  if (kind === undefined || name === '' || Buffer.byteLength(name) > limits.keywordBytesMax)
    fields.bad('keyword_changes');
  return { kind, name };
}

function keywordChanges(fields: Fields, uid: Uid): KeywordChange[] {
  const texts = fields.list('keyword_changes');
  if (texts.length <= limits.keywordsPerChangeMax) return texts.map((text) => keywordChange(fields, text));
  throw new DsyncdError(
    'DSYNCD_PEER_LIMIT',
    `the peer sent ${texts.length} keywords of the mail with UID ${uid}, more than ${limits.keywordsPerChangeMax}`,
    { outcome: 'operator', hint: 'take keywords away from that mail on the peer' },
  );
}

function flagModSeqs(fields: Fields): Readonly<Record<string, number>> | undefined {
  if (!fields.has('dsyncd_flag_modseqs')) return undefined;
  // Without a prototype: a keyword may be named `constructor`, or `__proto__`.
  const modSeqs = Object.create(null) as Record<string, number>;
  const entries = fields.list('dsyncd_flag_modseqs');
  if (entries.length > limits.keywordsPerChangeMax + systemFlagsMax) fields.bad('dsyncd_flag_modseqs');
  for (const entry of entries) {
    const match = /^([0-9]{1,16}) (.+)$/.exec(entry);
    if (match?.[1] === undefined || match[2] === undefined) fields.bad('dsyncd_flag_modseqs');
    modSeqs[match[2]] = Number(match[1]);
  }
  return modSeqs;
}

function change(fields: Fields): MailChangeItem {
  const kind = kinds[fields.requiredText('type', 1)] ?? fields.bad('type');
  const guid = fields.text('guid', 255);
  if (kind !== 'expunge' && guid === undefined) fields.bad('guid');
  if (guid !== undefined && guid !== '' && !isMailGuid(guid)) fields.bad('guid');
  if (kind === 'expunge' && guid !== undefined && !isMailboxGuid(guid)) fields.bad('guid');
  const uid = fields.uid('uid');
  if (uid === 0) fields.bad('uid');
  return {
    type: 'change',
    kind,
    uid,
    ...optional('guid', guid),
    ...optional('headerHash', fields.text('hdr_hash', 255)),
    modSeq: fields.modSeq('modseq'),
    pvtModSeq: fields.modSeq('pvt_modseq'),
    addFlags: fields.flags('add_flags'),
    removeFlags: fields.flags('remove_flags'),
    finalFlags: fields.flags('final_flags'),
    keywordsReset: fields.has('keywords_reset'),
    keywords: keywordChanges(fields, uid),
    ...optional('receivedAt', fields.hexDate('received_timestamp')),
    ...optional('flagModSeqs', flagModSeqs(fields)),
  };
}

const request = (fields: Fields): MailRequest => ({
  type: 'request',
  ...optional('guid', fields.text('guid', 255)),
  ...optional('uid', fields.integer('uid', uint32Max) as Uid | undefined),
});

function mail(fields: Fields): MailItem {
  const guid = fields.text('guid', 255);
  if (guid !== undefined && guid !== '' && !isMailGuid(guid)) fields.bad('guid');
  return {
    type: 'mail',
    ...optional('guid', guid === '' ? undefined : guid),
    ...optional('uid', fields.integer('uid', uint32Max) as Uid | undefined),
    ...optional('pop3Uidl', fields.text('pop3_uidl', 1024)),
    ...optional('pop3Order', fields.integer('pop3_order', uint32Max)),
    ...optional('receivedAt', fields.date('received_date')),
    ...optional('savedAt', fields.date('saved_date')),
    hasStream: fields.has('stream'),
  };
}

const finish = (fields: Fields): Finish => ({
  type: 'finish',
  ...optional('error', fields.text('error', 8192)),
  ...optional('mailError', fields.integer('mail_error', uint32Max)),
  requireFullResync: fields.has('require_full_resync'),
  ...optional('code', fields.text('dsyncd_code', 64)),
  ...optional('outcome', fields.text('dsyncd_outcome', 32)),
  ...optional('hint', fields.text('dsyncd_hint', 1024)),
});

const decoders: Readonly<Record<DsyncItem['type'], (fields: Fields) => DsyncItem>> = {
  handshake,
  state,
  node,
  deletes: treeDeletes,
  mailbox,
  attribute,
  change,
  request,
  mail,
  finish,
};

/** @throws {DsyncdError} `DSYNCD_PROTOCOL` (transient) naming the field that is missing or out of range. */
export const decodeItem = (type: DsyncItem['type'], values: Values): DsyncItem =>
  decoders[type](new Fields(type, values));
