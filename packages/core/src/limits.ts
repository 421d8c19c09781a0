/**
 * Every limit on input from outside, with its unit in its name. Each has a test at the limit and
 * one past it.
 */
export const limits = {
  /** One notification or command line, its line feed not counted. */
  lineBytesMax: 8192,
  userNameBytesMax: 255,
  /** Full name of a mailbox, all levels together. */
  mailboxNameBytesMax: 4096,
  mailboxNamePartBytesMax: 255,
  mailboxDepthMax: 64,
  mailboxesPerUserMax: 50_000,
  mailsPerMailboxMax: 5_000_000,
  /** A UID or UIDNEXT of a peer; leaves our side 2^28 UIDs to give out. */
  peerUidMax: 2 ** 32 - 2 ** 28,
  /** HIGHESTMODSEQ of a peer; leaves our side as many again. */
  peerModSeqMax: 2 ** 52,
  /** What a mailbox of a peer may be ahead of ours beyond these two: who is there already can go on, and nobody gets far at once. */
  peerUidsAheadMax: 5_000_000,
  peerModSeqsAheadMax: 2 ** 40,
  /** The last second of the year 9999 in Unix seconds: what comes with a later date is taken for that old. */
  unixSecondsMax: 253_402_300_799,
  /** The first second of the year 1: what comes with an earlier date is taken for that old. */
  unixSecondsMin: -62_135_596_800,
  /** All mailbox names that a peer sends in one sync, as they came. */
  peerNamesBytesMax: 64 * 1024 * 1024,
  /** All records of one list of a peer that are held at once: states, requests. */
  peerListBytesMax: 512 * 1024 * 1024,
  /** What is planned in memory for one sync, as estimated: some five million new mails or expunges. */
  plannedBytesMax: 1280 * 1024 * 1024,
  keywordBytesMax: 255,
  /** Unless `mail_keywords_max` says otherwise; a Dovecot has no such limit. */
  keywordsPerMailboxMax: 10_000,
  /** Keywords that one record of a peer sets or takes away. */
  keywordsPerChangeMax: 10_000,
  attributeKeyBytesMax: 1_024,
  attributeValueBytesMax: 16 * 1024 * 1024,
  mailBytesMax: 1024 * 1024 * 1024,
  /** One record line of a dsync stream; a mailbox's state or a long keyword list fits many times. */
  dsyncLineBytesMax: 8 * 1024 * 1024,
  /** One sync state string: 60 bytes a mailbox. */
  stateBytesMax: 8 * 1024 * 1024,
} as const;
