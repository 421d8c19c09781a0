import {
  type Attribute,
  type DsyncItem,
  type Finish,
  type Handshake,
  itemTable,
  type KeywordChange,
  type MailboxHeader,
  type MailboxState,
  type MailChangeItem,
  type MailItem,
  type MailRequest,
  type TreeDeletes,
  type TreeNode,
} from './items.ts';
import { encodeList, encodeRecord, type Values } from './record.ts';

const present = (flag: boolean | undefined): string | undefined => (flag === true ? '' : undefined);
const nonZero = (value: number | undefined): string | undefined =>
  value === undefined || value === 0 ? undefined : String(value);
const seconds = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);
/** A Dovecot takes digits alone, and says nothing of a date up to 1970 here; the mail itself comes with it. */
const hexDate = (value: number | undefined): string | undefined =>
  value === undefined || value < 0 ? undefined : hex(value);
const hex = (value: number): string | undefined => (value === 0 ? undefined : value.toString(16));

const syncTypeLetters = { full: 'f', changed: 'c', state: 's' } as const;
const existenceLetters = { nonexistent: 'n', exists: 'y', deleted: 'd' } as const;
const kindLetters = { save: 's', expunge: 'e', flags: 'f' } as const;
const keywordLetters = { add: '+', remove: '-', final: '=', 'add-and-final': '&' } as const;

const handshakeValues = (item: Handshake): Values => ({
  hostname: item.hostname,
  sync_box: item.syncBox,
  sync_type: item.syncType === undefined ? undefined : syncTypeLetters[item.syncType],
  exclude_mailboxes: item.excludeMailboxes === undefined ? undefined : encodeList(item.excludeMailboxes),
  send_mail_requests: present(item.sendMailRequests),
  backup_send: present(item.backupSend),
  backup_recv: present(item.backupRecv),
  lock_timeout: nonZero(item.lockTimeoutSecs),
  no_mail_sync: present(item.noMailSync),
  no_backup_overwrite: present(item.noBackupOverwrite),
  sync_since_timestamp: nonZero(item.syncSinceTimestamp),
  sync_until_timestamp: nonZero(item.syncUntilTimestamp),
  sync_max_size: nonZero(item.syncMaxSize),
  sync_flags: item.syncFlags,
  // GUIDs are known everywhere, so headers are never hashed; Dovecot wants the key given all the same.
  hashed_headers: 'Date\tMessage-ID\t',
  dsyncd_features: item.features?.join(' '),
});

const stateValues = (item: MailboxState): Values => ({
  mailbox_guid: item.guid,
  last_uidvalidity: String(item.uidValidity),
  last_common_uid: String(item.lastCommonUid),
  last_common_modseq: String(item.lastCommonModSeq),
  last_common_pvt_modseq: String(item.lastCommonPvtModSeq),
  last_messages_count: String(item.messagesCount),
  changes_during_sync: present(item.changedDuringSync),
});

const nodeValues = (item: TreeNode): Values => ({
  name: encodeList(item.path),
  existence: existenceLetters[item.existence],
  mailbox_guid: item.guid,
  uid_validity: nonZero(item.uidValidity),
  uid_next: nonZero(item.uidNext),
  last_renamed_or_created: nonZero(item.lastRenamedOrCreated),
  subscribed: present(item.subscribed),
  last_subscription_change: nonZero(item.lastSubscriptionChange),
  dsyncd_highest_modseq: item.highestModSeq === undefined ? undefined : String(item.highestModSeq),
  dsyncd_messages_count: item.messagesCount === undefined ? undefined : String(item.messagesCount),
});

const deleteList = (list: readonly (readonly [string, number | string])[]): string | undefined =>
  list.length === 0 ? undefined : list.map(([name, at]) => `${name} ${at}`).join(' ');

const deletesValues = (item: TreeDeletes): Values => ({
  hierarchy_sep: item.hierarchySeparator,
  escape_char: item.escapeCharacter,
  mailboxes: deleteList(item.mailboxes.map(({ guid, at }) => [guid, at])),
  dirs: deleteList(item.directories.map(({ hash, at }) => [hash, at])),
  unsubscribes: deleteList(item.unsubscribes.map(({ hash, at }) => [hash, at])),
  dsyncd_given_up: deleteList(item.givenUp.map(({ guid, by }) => [guid, by])),
});

const mailboxValues = (item: MailboxHeader): Values => ({
  mailbox_guid: item.guid,
  uid_validity: String(item.uidValidity),
  uid_next: String(item.uidNext),
  messages_count: String(item.messagesCount),
  first_recent_uid: String(item.firstRecentUid),
  highest_modseq: String(item.highestModSeq),
  highest_pvt_modseq: String(item.highestPvtModSeq),
  mailbox_lost: present(item.lost),
  mailbox_ignore: present(item.ignored),
  cache_fields: '',
  have_guids: present(item.haveGuids),
  have_save_guids: present(item.haveSaveGuids),
  have_only_guid128: present(item.haveOnlyGuid128),
  dsyncd_ignore_state: present(item.ignoreState),
});

const attributeValues = (item: Attribute): Values => ({
  type: item.scope === 'private' ? 'p' : 's',
  key: item.key,
  value: item.hasStream ? undefined : item.value,
  stream: present(item.hasStream),
  deleted: present(item.deleted),
  last_change: nonZero(item.lastChange),
  modseq: nonZero(item.modSeq),
});

const encodeKeywords = (keywords: readonly KeywordChange[]): string | undefined =>
  keywords.length === 0
    ? undefined
    : encodeList(keywords.map(({ kind, name }) => keywordLetters[kind] + name));

const encodeFlagModSeqs = (modSeqs: Readonly<Record<string, number>> | undefined): string | undefined =>
  modSeqs === undefined
    ? undefined
    : encodeList(Object.entries(modSeqs).map(([flag, modSeq]) => `${modSeq} ${flag}`));

const changeValues = (item: MailChangeItem): Values => ({
  type: kindLetters[item.kind],
  uid: String(item.uid),
  guid: item.guid,
  hdr_hash: item.headerHash,
  modseq: nonZero(item.modSeq),
  pvt_modseq: nonZero(item.pvtModSeq),
  add_flags: hex(item.addFlags),
  remove_flags: hex(item.removeFlags),
  final_flags: hex(item.finalFlags),
  keywords_reset: present(item.keywordsReset),
  keyword_changes: encodeKeywords(item.keywords),
  received_timestamp: hexDate(item.receivedAt),
  dsyncd_flag_modseqs: encodeFlagModSeqs(item.flagModSeqs),
});

const requestValues = (item: MailRequest): Values => ({ guid: item.guid, uid: nonZero(item.uid) });

const mailValues = (item: MailItem): Values => ({
  guid: item.guid,
  uid: nonZero(item.uid),
  pop3_uidl: item.pop3Uidl,
  pop3_order: nonZero(item.pop3Order),
  received_date: seconds(item.receivedAt),
  saved_date: seconds(item.savedAt),
  stream: present(item.hasStream),
});

const finishValues = (item: Finish): Values => ({
  error: item.error,
  mail_error: nonZero(item.mailError),
  require_full_resync: present(item.requireFullResync),
  dsyncd_code: item.code,
  dsyncd_outcome: item.outcome,
  dsyncd_hint: item.hint,
});

function valuesOf(item: DsyncItem): Values {
  switch (item.type) {
    case 'handshake':
      return handshakeValues(item);
    case 'state':
      return stateValues(item);
    case 'node':
      return nodeValues(item);
    case 'deletes':
      return deletesValues(item);
    case 'mailbox':
      return mailboxValues(item);
    case 'attribute':
      return attributeValues(item);
    case 'change':
      return changeValues(item);
    case 'request':
      return requestValues(item);
    case 'mail':
      return mailValues(item);
    case 'finish':
      return finishValues(item);
  }
}

const layouts = new Map(
  itemTable.map(({ type, letter, required, optional }) => [
    type,
    { letter, keys: [...required, ...optional] },
  ]),
);

/** What a stream starts with: its version, and for each item type the keys of its records. */
export const streamHeader = `VERSION\tdsync\t3\t5\n${itemTable
  .map(({ letter, required, optional }) => `${letter}${encodeList([...required, ...optional])}\n`)
  .join('')}.\n`;

/** The item as a line with its line feed. */
export function encodeItem(item: DsyncItem): string {
  const layout = layouts.get(item.type);
  if (layout === undefined) throw new TypeError(`no layout for ${item.type}`);
  return `${layout.letter}${encodeRecord(layout.keys, valuesOf(item))}\n`;
}
