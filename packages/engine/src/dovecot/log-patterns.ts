import type { ErrorCode, FailureKind, OutcomeKind } from '@dsyncd/core';

/** What a text in Dovecot's log means for a sync. */
export interface LogPattern {
  readonly says: RegExp;
  readonly code: ErrorCode;
  readonly outcome: FailureKind | Extract<OutcomeKind, 'changed'>;
  readonly hint: string;
}

const secret = {
  code: 'DSYNCD_SECRET',
  outcome: 'operator',
  hint: 'set the same doveadm_password in Dovecot on both hosts and reload both',
} as const;
const certificate = {
  code: 'DSYNCD_TLS',
  outcome: 'operator',
  hint: 'the certificate of the other host must be valid for the name in mail_replica, and ssl_client_ca_file of this Dovecot must name its authority',
} as const;
const unreachable = {
  code: 'DSYNCD_CONNECT',
  outcome: 'transient',
  hint: 'check that Dovecot runs on the other host, that its doveadm service listens on the port in mail_replica, and the firewall',
} as const;
const cut = {
  code: 'DSYNCD_LINK_LOST',
  outcome: 'transient',
  hint: 'look into the log of Dovecot on the other host for the reason',
} as const;

/** Mail programs were faster: the sync has come too late for a mailbox, and the next one finds what is there now. */
const overtaken = {
  code: 'DSYNCD_MAILBOX',
  outcome: 'changed',
  hint: 'nothing: the sync is repeated by itself',
} as const;

/** In this order: the first row that fits any line wins, so the precise ones come first. */
export const logPatterns: readonly LogPattern[] = [
  {
    says: /mailbox was deleted under us|couldn't verify mailbox guid|mailbox.* doesn't exist|retry with a full sync|run again without the state|changed during a stateful sync/i,
    ...overtaken,
  },
  {
    // A lock that cannot even be made is held by nobody.
    says: /^(?!.*(permission denied|no space left|read-only)).*(couldn't lock|failed to lock|lock.*timed out|timed out.*lock)/i,
    code: 'DSYNCD_LOCKED',
    outcome: 'busy',
    hint: 'another sync of this user is running; raise dsync_lock_timeout if that is usual',
  },
  { says: /authentication failed|wrong password|doveadm_password not set/i, ...secret },
  {
    says: /unknown user in remote/i,
    code: 'DSYNCD_REMOTE_NO_USER',
    outcome: 'operator',
    hint: 'create the user on the other host too, or leave the user out here (user_exclude, or noreplicate in userdb)',
  },
  {
    says: /mail size is larger than/i,
    code: 'DSYNCD_MAIL_TOO_LARGE',
    outcome: 'operator',
    hint: 'raise the limit on the host that is named (quota_max_mail_size of Dovecot 2.3, quota_mail_size of 2.4), or expunge the mail',
  },
  {
    says: /quota exceeded|not enough disk quota|quota.*full/i,
    code: 'DSYNCD_QUOTA',
    outcome: 'transient',
    hint: 'the quota of the user or of the file system is used up on the host that is named: raise it or free space',
  },
  {
    says: /no space left on device|disk quota|out of disk space|not enough disk space/i,
    code: 'DSYNCD_DISK_FULL',
    outcome: 'transient',
    hint: 'free space on the disk of the host that is named; the sync is then repeated by itself',
  },
  { says: /certificate|hostname doesn't match|ssl.*(verif|unknown ca|self.signed)/i, ...certificate },
  {
    says: /\bssl\b|\btls\b/i,
    code: 'DSYNCD_TLS',
    outcome: 'operator',
    hint: 'use tcps: only for a doveadm listener with ssl = yes, tcp: for one without; at least TLS 1.2 on both',
  },
  {
    says: /host key verification failed|permission denied \(publickey/i,
    code: 'DSYNCD_SSH',
    outcome: 'operator',
    hint: 'as the user that runs Dovecot mail processes, log in once by ssh to accept the host key, with a key that the other host knows',
  },
  {
    says: /exit_code=64|remote command returned error 64|invalid option/i,
    code: 'DSYNCD_PEER_VERSION',
    outcome: 'operator',
    hint: 'the other Dovecot refuses an option; with 2.4.0 to 2.4.2 set dsync_remote_cmd without -U, or use tcp:',
  },
  {
    says: /remote command returned error 255/i,
    code: 'DSYNCD_CONNECT',
    outcome: 'transient',
    hint: "ssh could not log in: its words are in the log of this Dovecot; check the host, the key and the mail user's known_hosts",
  },
  {
    says: /remote command returned error (126|127)/i,
    code: 'DSYNCD_SSH',
    outcome: 'operator',
    hint: 'install Dovecot on the other host, or correct dsync_remote_cmd',
  },
  {
    says: /sent invalid handshake/i,
    code: 'DSYNCD_CONNECT',
    outcome: 'transient',
    hint: 'the port in mail_replica is not that of the doveadm service of the other host',
  },
  {
    says: /connection refused|no route to host|network is unreachable|lookup of host|connect\([^)]*\) failed/i,
    ...unreachable,
  },
  {
    says: /disconnected (from remote|before handshake)|version not received|unexpected eof|eof \(|connection reset|broken pipe/i,
    ...cut,
  },
  {
    says: /i\/o has stalled|timed out|timeout during/i,
    code: 'DSYNCD_LINK_STALLED',
    outcome: 'transient',
    hint: 'check the load of the other host and the network between',
  },
  {
    says: /not compatible with this|mixed old and new binaries|unsupported version/i,
    code: 'DSYNCD_PEER_VERSION',
    outcome: 'operator',
    hint: 'both Dovecots must be 2.3 or 2.4; see `dovecot --version`',
  },
  {
    says: /isn't allowed to use command|unknown command/i,
    code: 'DSYNCD_DOVEADM_COMMAND',
    outcome: 'operator',
    hint: 'doveadm_allowed_commands must be empty or contain sync here and dsync-server on the other host',
  },
  {
    says: /has no home directory|couldn't look up user's home/i,
    code: 'DSYNCD_NO_HOME',
    outcome: 'operator',
    hint: 'dsync keeps its lock in the home of the user: userdb must return one (mail_home)',
  },
  {
    says: /can't create virtual mailboxes/i,
    code: 'DSYNCD_VIRTUAL',
    outcome: 'operator',
    hint: 'name the mailboxes of the virtual namespace in exclude_mailboxes of [dovecot], such as ["Virtual/*"], then `dsyncadm replicator replicate USER`',
  },
  {
    says: /namespace not found|conflicting separators|same hierarchy separator|exists in two namespaces/i,
    code: 'DSYNCD_NAMESPACES',
    outcome: 'operator',
    hint: 'give both Dovecots the same namespaces with the same separator',
  },
  {
    says: /permission denied|eacces|operation not permitted/i,
    code: 'DSYNCD_PERMISSION',
    outcome: 'operator',
    hint: 'check owner and mode of the folder that is named, and uid and gid in userdb',
  },
  {
    says: /failed to initialize user|user initialization failed|initialization failed/i,
    code: 'DSYNCD_USER_INIT',
    outcome: 'operator',
    hint: 'Dovecot cannot open this user: `doveadm -D mailbox list -u USER` says why',
  },
  {
    says: /userdb lookup.*fail|auth.*(lookup failed|internal failure|connect)/i,
    code: 'DSYNCD_USERDB',
    outcome: 'transient',
    hint: 'the auth service or the database behind it fails: see the log of Dovecot',
  },
  {
    says: /remote lost mailbox|renaming algorithm|corrupted|duplicate mailbox guid/i,
    code: 'DSYNCD_MAILBOX',
    outcome: 'transient',
    hint: "if it stays: `doveadm force-resync -u USER '*'` on both hosts, then `dsyncadm replicator replicate -f USER`",
  },
];

/** What the word of an answer means when the log says nothing that we know. */
export const wordPatterns: Readonly<Record<string, Omit<LogPattern, 'says'> & { readonly says: string }>> = {
  NOUSER: {
    says: 'the user does not exist',
    code: 'DSYNCD_NO_USER',
    outcome: 'nouser',
    hint: 'the user is known again as soon as userdb has it',
  },
  NOREPLICATE: {
    says: 'the user is excluded from replication by userdb',
    code: 'DSYNCD_NOREPLICATE',
    outcome: 'noreplicate',
    hint: 'remove the field noreplicate from userdb',
  },
  TEMPFAIL: {
    says: 'a temporary failure',
    code: 'DSYNCD_DOVECOT_TEMPFAIL',
    outcome: 'transient',
    hint: 'see the log of Dovecot on both hosts',
  },
  NOTFOUND: {
    says: 'a mailbox vanished during the sync',
    code: 'DSYNCD_MAILBOX',
    outcome: 'transient',
    hint: 'if it stays, see the log of Dovecot on both hosts',
  },
  USAGE: {
    says: 'Dovecot does not take the command: wrong options',
    code: 'DSYNCD_DOVEADM_COMMAND',
    outcome: 'operator',
    hint: 'see the log of Dovecot; dsyncd needs 2.3.x or 2.4.x',
  },
  NOPERM: {
    says: 'permission denied',
    code: 'DSYNCD_PERMISSION',
    outcome: 'operator',
    hint: 'see the log of Dovecot on both hosts for the mailbox',
  },
  PROTOCOL: {
    says: 'the Dovecots do not understand each other',
    code: 'DSYNCD_PEER_VERSION',
    outcome: 'operator',
    hint: 'see the log of Dovecot on both hosts',
  },
  DATAERR: {
    says: 'something is not possible with this mailbox',
    code: 'DSYNCD_NOT_POSSIBLE',
    outcome: 'operator',
    hint: 'see the log of Dovecot on both hosts; quota and mailbox names are the usual causes',
  },
  REFERRAL: {
    says: 'the user lives on another host',
    code: 'DSYNCD_REFERRAL',
    outcome: 'operator',
    hint: 'run dsyncd where the user lives, or leave the user out here (user_exclude)',
  },
  '': {
    says: 'Dovecot does not know or does not allow the command',
    code: 'DSYNCD_DOVEADM_COMMAND',
    outcome: 'operator',
    hint: 'doveadm_allowed_commands must be empty or contain sync',
  },
  UNKNOWN: {
    says: 'an error without a name',
    code: 'DSYNCD_DOVECOT_FAILED',
    outcome: 'transient',
    hint: 'see the log of Dovecot on both hosts',
  },
};
