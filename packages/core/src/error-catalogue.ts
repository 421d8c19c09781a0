import type { FailureKind } from './sync.ts';

/** What is known of an error code, for operators: deploy/errors.md is made of this. */
export interface ErrorEntry {
  readonly code: string;
  /** The outcomes that an error of this code can have: they decide about the next try. */
  readonly outcomes: readonly FailureKind[];
  readonly when: string;
  readonly remedy: string;
  /** Exit status of dsyncadm where it is not the one of the outcome. */
  readonly exit: number | undefined;
}

/**
 * Every code that dsyncd can show, one line each: code | outcomes | exit status of dsyncadm, `-` for that of the outcome |
 * when it happens | what to do. A test compares this with the sources, in both directions. A new code gets its line here.
 */
const table = `
# Command line and configuration
DSYNCD_USAGE | operator | 64 | The command line is wrong. | Read the message, and \`dsyncadm help COMMAND\`.
DSYNCD_NOT_POSSIBLE | noreplicate operator | 65 | What was asked for cannot be done here. | Read the hint; trying again does not help.
DSYNCD_NO_USERS | nouser | - | No user matches the mask. | Quote the mask for the shell; \`*\` is any text, \`?\` is one character.
DSYNCD_CONFIG | operator | 78 | The configuration cannot be read or has mistakes. | Correct the lines named; \`dsyncadm config check\` shows all of them.
DSYNCD_SECRET | operator | 78 | A secret file is missing, empty or readable by others, or the hosts have different secrets. | Put the same secret into doveadm_password_file on both hosts, mode 0600, and reload.
DSYNCD_MAIL_HOME | nouser | - | mail_home gives no folder for this user. | Use %{user}, or %{user|domain}/%{user|username} with full addresses.
DSYNCD_DESTINATION | operator | 64 | mail_replica, or the destination that the userdb gives, is not valid. | Use one of the forms in the reference, such as tcps:HOST:PORT.
DSYNCD_DOVECONF | operator | 65 | The file is not output of doveconf. | Make it with \`doveconf -n > FILE\` on the Dovecot 2.3 host.
DSYNCD_USER_NAME | operator | 64 | The user name is not valid. | Use 1 to 255 bytes of UTF-8 without control characters.
DSYNCD_MAILBOX_NAME | operator transient | 64 | The mailbox name is not valid, or a Dovecot cannot have a mailbox of that name. | Rename the mailbox on the host that has it.
DSYNCD_QUEUE_REDIS_TLS | operator | - | A certificate or key for Redis cannot be read. | Check ca_file, cert_file and key_file in [redis].

# Talking to dsyncd
DSYNCD_REPLICATOR_DOWN | transient | - | Nothing answers at the socket of dsyncd. | \`systemctl status dsyncd\`; check that dsyncadm reads the same configuration.
DSYNCD_REPLICATOR_LOST | transient | - | dsyncd ended the connection or stayed silent. | The log of dsyncd says why; then try again.
DSYNCD_REPLICATOR_ANSWER | operator | 76 | The answer is not one of dsyncd, or not one of this version. | Check the socket; restart dsyncd after an upgrade.
DSYNCD_REPLICATOR_QUEUE | transient | - | dsyncd runs, but its queue does not answer. | Nothing is lost; check Redis or the disk, and the log of dsyncd.
DSYNCD_REPLICATOR_NO_USER | nouser | - | dsyncd does not know this user. | \`dsyncadm replicator status '*'\` shows the users that it knows.
DSYNCD_REPLICATOR_COMMAND | operator | - | dsyncd got a command that it does not understand. | Use a dsyncadm or doveadm of a matching version.
DSYNCD_SOCKET | operator | - | A Unix socket cannot be made. | Check that its folder exists and is writable for the service, and that its user and group exist.
DSYNCD_SOCKET_IN_USE | operator | - | Another process listens on that socket. | Stop it, or give this service another base_dir.
DSYNCD_LISTEN | operator | - | A service cannot listen on its address and port. | Another program, perhaps Dovecot, has that port: change one of them.
DSYNCD_NOTIFY_FIFO | operator | - | The FIFO for notifications cannot be made. | Make its folder writable for dsyncd; move away what has that name.

# Mail store
DSYNCD_STORE_NO_USER | nouser | 67 | The user has no mail home on this host. | Check the name; the first delivery or sync creates the home.
DSYNCD_STORE_NO_MAILBOX | transient operator | 68 | There is no such mailbox, or it went away during the sync. | \`dsyncadm mailbox list -u USER\` shows those that exist; a sync is tried again by itself.
DSYNCD_STORE_NO_MAIL | transient | 68 | There is no mail with that UID. | \`dsyncadm mail list -u USER MAILBOX\` shows those that exist; a sync is tried again by itself.
DSYNCD_STORE_MAILBOX_EXISTS | transient | 65 | A mailbox of that name or GUID exists already. | Choose another name; a sync is tried again by itself.
DSYNCD_STORE_INBOX_STAYS | operator | 65 | INBOX was to be deleted. | Expunge its mails instead.
DSYNCD_STORE_BAD_RENAME | operator | 65 | A mailbox was to be moved below itself. | Choose another name.
DSYNCD_STORE_LIMIT | operator | 65 | A limit of the store is reached. | The message names the limit; make the mail, name or list smaller.
DSYNCD_STORE_UIDS_EXHAUSTED | operator | - | The mailbox has no UID left. | Move its mails to a new mailbox.
DSYNCD_STORE_LOCKED | busy | - | Another sync or command holds the user. | Nothing: it is tried again soon.
DSYNCD_STORE_BODY_LOST | transient | 74 | The file of a mail is missing or cut short. | The next full sync brings it back from a replica: \`dsyncadm replicator replicate -f USER\`.
DSYNCD_STORE_BODY_DIFFERS | operator | - | The replica has another mail than the one that was lost. | Restore the mail from a backup.
DSYNCD_STORE_STAGE_GONE | transient | - | A mail that was being received is gone. | Try again; if it comes back, report it.
DSYNCD_STORE_INDEX_DAMAGED | operator | 74 | The index of a user is damaged. | \`dsyncadm store rebuild -u USER\`, then \`dsyncadm replicator replicate -f USER\`.
DSYNCD_STORE_INDEX_NEWER | operator | - | A newer dsyncd wrote the index. | Use that version; see the compatibility policy.
DSYNCD_STORE_INDEX_BUSY | busy | - | Another process holds the index open for long. | Look for a process that hangs.
DSYNCD_STORE_CLOSED | transient | - | The store is being closed, as the service stops. | Nothing: it goes on after the start.
DSYNCD_STORE_WORKER_DIED | transient | - | A thread of the store ended. | Nothing: it is started again; report it if the log shows a defect.
DSYNCD_STORE_NOT_BUILT | operator | - | dsyncd runs from a source tree that was not built. | \`npm run build\`.
DSYNCD_STORE_DISK_FULL | transient | - | There is no room to write mail. | Free space or raise the quota; the sync is then repeated by itself.
DSYNCD_STORE_FILES | transient | - | Too many files are open. | Raise LimitNOFILE of the service.
DSYNCD_STORE_ACCESS | operator | 77 | A file of the store may not be read or written. | Check owner and mode of the file, and the user that the service runs as.
DSYNCD_STORE_IO | transient | - | The disk reports an error. | If it comes back, check the disk and the kernel's log.
DSYNCD_DOVECOT_NO_EXPORT | operator | - | The folder is not an export of this user. | Give the home that \`dsyncadm store export\` made.
DSYNCD_DOVECOT_HOME_TAKEN | operator | - | There is already something where the export would go. | Import what Dovecot changed there and move it away, or give another home.
DSYNCD_DOVECOT_FILE_NAME | operator | - | A mail in the Maildir has an unreadable file name. | Rename the file, then import again.
DSYNCD_DOVECOT_CHANGED | transient | - | Dovecot changed the Maildir during the import. | Stop Dovecot for this user, or import again.

# Queue
DSYNCD_QUEUE_CHANNEL | operator | - | There is no channel of that name. | The channels are the [channels.NAME] sections of the configuration.
DSYNCD_QUEUE_CHANNELS_MAX | operator | - | There are too many channels, or the name is too long. | Remove or rename a channel.
DSYNCD_QUEUE_USERS_MAX | operator | - | The queue has no room for more users. | Check which users were notified: a program may invent names.
DSYNCD_QUEUE_WAITERS_MAX | transient | - | Too many callers wait for a sync. | Try again later.
DSYNCD_QUEUE_CURSOR | operator | - | The cursor of a page is invalid. | Take \`next\` of the page before, or start without a cursor.
DSYNCD_QUEUE_CLOSED | transient | - | The queue is closed, as dsyncd stops. | Nothing: it goes on after the start.
DSYNCD_QUEUE_LOCKED | operator | - | Another dsyncd uses this queue file. | Stop it, or give this one its own state_dir.
DSYNCD_QUEUE_FILE | operator transient | - | The queue file cannot be read or written. | Check state_dir, its owner and the disk.
DSYNCD_QUEUE_FOREIGN | operator | - | The queue file is of another program or of a later version. | Check state_dir; after a downgrade move the file away: every user is then synced in full.
DSYNCD_QUEUE_DAMAGED | operator | - | The queue file is damaged. | Nothing if dsyncd runs: it moved the file away and syncs every user in full; else do that by hand.
DSYNCD_QUEUE_THREAD | operator transient | - | The thread that writes the queue file ended. | Restart dsyncd; the log says why.
DSYNCD_QUEUE_REDIS_URL | operator | - | redis.url is not a valid URL. | Use redis://HOST:PORT/DB, rediss:// for TLS.
DSYNCD_QUEUE_REDIS_NAME | operator | - | A name for the queue in Redis is not valid. | Use letters, digits, dot, underscore and dash.
DSYNCD_QUEUE_REDIS_LEASE | operator | - | The lease is too short. | Raise it.
DSYNCD_QUEUE_REDIS_DOWN | transient | - | Redis does not answer. | Start it or check the network; notifications are kept meanwhile.
DSYNCD_QUEUE_REDIS_PASSWORD | operator | - | Redis does not accept the password, or wants one. | Check password_file in [redis].
DSYNCD_QUEUE_REDIS_VERSION | operator | - | Redis is too old. | Install the version named or a later one.
DSYNCD_QUEUE_REDIS_UNFIT | operator | - | Redis may forget data, or is no master. | Set maxmemory-policy noeviction, and see deploy/redis.md.
DSYNCD_QUEUE_REDIS_FULL | transient | - | Redis has no memory left. | Raise maxmemory.
DSYNCD_QUEUE_REDIS_FORMAT | operator | - | Another version of dsyncd made the queue in Redis. | Run the same version on all replicators of a backend.
DSYNCD_QUEUE_REDIS_FOREIGN | operator | - | Redis has a key in the way that is not of dsyncd. | Choose another prefix in [redis], or delete the key.

# Connection to the other host
DSYNCD_CONNECT | transient | - | The other host cannot be reached. | Check that it is up, its port, and the firewall.
DSYNCD_LINK_LOST | transient | - | The connection broke. | Nothing: it is tried again; if it comes back, see the log of the other host.
DSYNCD_LINK_STALLED | transient | - | Nothing came from the other host for too long. | Check its load and log, and the network.
DSYNCD_LINK_ABORTED | transient | - | The sync was given up on this side. | The message says why; it is tried again.
DSYNCD_LINK_CLOSED | transient | - | The connection was closed on this side. | Nothing: it is tried again.
DSYNCD_LINE_TOO_LONG | transient | - | The other end sends a line that is too long. | Check that the port is that of a dsync server.
DSYNCD_LOGIN_TIMEOUT | transient | - | A client did not log in in time. | Check what connects to that port.
DSYNCD_TLS | operator | - | The certificate of the other end is not accepted, or ours is not. | The message says what is wrong with it; check ssl.ca_file and the names in the certificate.
DSYNCD_TLS_CUT | transient | - | The other end closed the connection in the TLS handshake. | See its log; use tcp: if that port has no TLS.
DSYNCD_TLS_FILE | operator | - | A certificate or key cannot be read. | Check that the file exists, is PEM and is readable for the service.
DSYNCD_SSH | operator transient | - | SSH to the other host fails. | The message says why; try the same command by hand as the user of the service.
DSYNCD_SSH_KEY | operator | - | The SSH key cannot be used. | Make one without a passphrase: \`ssh-keygen -t ed25519 -N '' -f KEYFILE\`.
DSYNCD_SSH_LOGIN | operator | - | The other host does not accept our SSH key. | Add the public key to ~/.ssh/authorized_keys there.
DSYNCD_SSH_HOST_KEY | operator | - | The host key is unknown or has changed. | Compare it on the other host, then put it into known_hosts.
DSYNCD_PROCESS_FAILED | transient operator | - | The command that leads to the other host failed. | The message has its last words; run it by hand.
DSYNCD_SERVER_STOPPING | transient | - | The dsync server is being stopped. | Nothing: it is tried again.

# The other host
DSYNCD_PEER_REFUSED | transient operator nouser noreplicate busy | - | The other host refuses the sync or the client. | See its log.
DSYNCD_PEER_CLOSED | transient | - | The other host closed the connection during a sync. | Its log says why.
DSYNCD_PEER_GAVE_UP | transient | - | The other host ended the sync early. | Its log says why.
DSYNCD_PEER_FAILED | transient operator busy nouser noreplicate | - | The other host reports a failure. | Its log says more.
DSYNCD_PEER_LIMIT | operator | - | The other host has or sends more than a limit allows. | The message names the limit; split the mailbox there.
DSYNCD_PEER_VERSION | operator | - | The other host speaks another version of the protocol. | Upgrade it to Dovecot 2.3, 2.4 or a current dsyncd.
DSYNCD_PROTOCOL | transient operator | - | The other host sends something that is not dsync. | Check that it is a Dovecot 2.3 or 2.4 or a dsyncd, and see its log.
DSYNCD_UNSUPPORTED | operator | - | The other host asks for an option that dsyncd does not have. | Sync without options that leave out mails.
DSYNCD_SAME_HOSTNAME | operator | - | Both hosts have the same name. | Give each its own \`hostname\` in the configuration.
DSYNCD_NO_GUIDS | operator | - | The other host has mails without GUIDs. | Use Maildir, sdbox or mdbox there.
DSYNCD_MAILBOX_LEFT_OUT | transient | - | Some mailboxes cannot be taken; all others are synced. | The message names them and says why.
DSYNCD_MAIL_REFUSED | transient | - | The other host cannot save a mail. | See its log: size limit, quota, full disk or access.
DSYNCD_UIDVALIDITY_CHANGED | transient | - | A mailbox was made anew on one host. | Nothing: the next sync is a full one.
DSYNCD_DOVEADM_GREETING | transient | - | What answers at that port is not a dsync server. | Check the port in mail_replica.
DSYNCD_DOVEADM_ANSWER | transient | - | The answer is not one of the doveadm protocol. | Check doveadm_socket_path or the port.
DSYNCD_DOVEADM_CLIENT | operator | - | A client does not log in as doveadm does. | Use a dsyncd or a Dovecot as client.
DSYNCD_DOVEADM_COMMAND | operator | - | A command is not served here, or not by that Dovecot. | The message names it.
DSYNCD_VERIFY_QUERY | operator | - | The hosts do not understand each other about what verify compares. | Install the same version of dsyncd on both hosts.
DSYNCD_DOVEADM_REFUSED | operator | - | A Dovecot refuses a command of doctor. | See the log of that Dovecot; doveadm_allowed_commands must be empty.
DSYNCD_SYNC_PREPARE | transient | - | The dsync server could not prepare the sync. | See its log.
DSYNCD_SYNC_ANSWER | transient | - | The dsync server failed during the sync. | See its log.

# Dovecot beside dsyncd
DSYNCD_DOVECOT_DOWN | transient | - | Dovecot on this host does not answer. | Start it; check doveadm_socket_path and process_limit of its doveadm service.
DSYNCD_DOVECOT_FAILED | transient | - | Dovecot could not sync this user and did not say why. | See the log of Dovecot.
DSYNCD_DOVECOT_TEMPFAIL | transient | - | Dovecot reports a temporary failure. | See the logs of both Dovecots.
DSYNCD_DOVEADM_DIED | transient | - | The doveadm process of Dovecot crashed or was stopped. | Its log has a line with Fatal or Panic.
DSYNCD_USERDB | transient | - | The userdb of Dovecot does not answer. | Check auth_socket_path and the database behind it.
DSYNCD_USERDB_USER | transient | - | The userdb lookup of this user fails. | See the log of Dovecot's auth service.
DSYNCD_USERDB_LIST | operator | - | Dovecot cannot list its users. | \`doveadm user '*'\` must print all of them: set iterate_query.
DSYNCD_NO_USER | nouser | - | The userdb does not know this user. | Nothing if the user was deleted.
DSYNCD_REMOTE_NO_USER | operator | - | The other host does not know this user. | Create the user there.
DSYNCD_OTHER_NAME | nouser | - | The userdb gives this user another name. | Nothing: the user is synced under that name.
DSYNCD_NOREPLICATE | noreplicate | - | The userdb has noreplicate for this user. | Nothing; remove the field to replicate the user.
DSYNCD_EXCLUDED | noreplicate | - | The configuration leaves this user out. | Nothing; change the setting named to replicate the user.
DSYNCD_NO_CHANNEL | noreplicate | - | The channel is not in the configuration any more. | Nothing; put it back to use it.
DSYNCD_NO_HOME | operator | - | Dovecot knows no home for this user. | Let userdb return home, or set mail_home.
DSYNCD_NAMESPACES | operator | - | The namespaces of the two Dovecots do not fit. | Give both the same separators and prefixes.
DSYNCD_VIRTUAL | operator | - | A virtual namespace is in the way. | Exclude it from replication as the hint says.
DSYNCD_MAILBOX | operator transient | - | Dovecot cannot open or change a mailbox. | See its log; \`doveadm force-resync\` often helps.
DSYNCD_PERMISSION | operator | - | Dovecot may not read or write files of this user. | Check owner and mode of the mail files, and uid and gid in userdb.
DSYNCD_USER_INIT | operator transient | - | Dovecot cannot set up this user. | See its log for the setting or plugin.
DSYNCD_LOCKED | busy | - | Another sync holds this user. | Nothing: it is tried again soon.
DSYNCD_MAIL_TOO_LARGE | operator transient | - | A mail is larger than the other side accepts. | Raise the limit there.
DSYNCD_QUOTA | operator transient | - | The user is over quota on one host. | Raise the quota, or give both hosts the same.
DSYNCD_DISK_FULL | transient | - | A disk is full. | Free space; the sync is then repeated by itself.
DSYNCD_REFERRAL | operator | - | Dovecot refers to another host. | Sync with that host.
DSYNCD_SYSTEM | transient | - | The operating system refused something. | The message says what.
DSYNCD_SYNC_FAILED | transient | - | A sync failed for a reason without a code of its own. | The message says why; report it if it is not clear.
DSYNCD_INTERNAL | transient operator | - | A defect of dsyncd. | Report it with the log.

# Pairing
DSYNCD_PAIR_CODE | operator | 64 | The code of a pairing is mistyped. | Copy it from the host where \`dsyncadm pair init\` printed it.
DSYNCD_PAIR_IDENTITY | operator | - | The host that answers is not the one that printed the code. | Check address and code; if both are right, somebody sits between the hosts.
DSYNCD_PAIR_REFUSED | operator | - | The other host gave up, or does not accept the code. | The message says why; run \`dsyncadm pair init\` again for a new code.
DSYNCD_PAIR_EXPIRED | transient | - | No host came with the code in time. | Run \`dsyncadm pair init\` again for a new code.
DSYNCD_PAIR_LOST | transient operator | - | The connection between the two hosts broke during the pairing. | Begin again on both hosts; what was made is removed.
DSYNCD_PAIR_ANSWER | operator | 76 | The other end does not speak the pairing, or not this version of it. | Run the same version of dsyncd on both hosts.
DSYNCD_PAIR_TAKEN | operator | 65 | A file that the pairing would write exists, or the host is paired already. | Move the file away, or run \`dsyncadm pair undo\` first.
DSYNCD_PAIR_DOVECOT | operator | - | Dovecot does not accept its part, which was removed again. | The message has the words of doveconf; correct its configuration, then pair again.
DSYNCD_PAIR_SSHD | operator | - | sshd does not accept its part of a pair over SSH, which was removed again. | The message has the words of sshd; correct its configuration, then pair again.
DSYNCD_PAIR_JOURNAL | operator | - | The journal of the pairing cannot be read. | Use the dsyncadm that paired this host.

# HTTP API and alerts
DSYNCD_HTTP_LISTEN | operator | - | The HTTP API cannot listen. | Another program has that port: change [listeners.http].
DSYNCD_HTTP_TLS | operator | - | Certificate and key of the HTTP API cannot be used. | server_cert_file and server_key_file in [ssl] must be PEM and belong together.
DSYNCD_HTTP_TOKEN | operator | - | A token is too short, missing or wrong. | Make one with \`openssl rand -hex 32\`; send it as \`Authorization: Bearer TOKEN\`.
DSYNCD_HTTP_ROLE | operator | - | The token has not the role that this needs. | Use the token of the role named.
DSYNCD_HTTP_HOST | operator | - | The Host header names another host. | Use the address in [listeners.http], or add the name there.
DSYNCD_HTTP_CROSS_SITE | operator | - | A page of another site sent the request. | Nothing: it was refused.
DSYNCD_HTTP_PATH | operator | - | There is no such path. | See /docs.
DSYNCD_HTTP_REQUEST | operator | - | The request is not valid. | The message names the field; see /docs.
DSYNCD_HTTP_USER | operator | - | The user is not known. | Check the name; a first notification makes it known.
DSYNCD_HTTP_READ_ONLY | operator | - | These queue pages can only be viewed. | Use dsyncadm or the API to change something.
DSYNCD_HTTP_EVENT_CLIENTS | transient | - | Too many clients listen to events. | Close a page, or try again later.
DSYNCD_HTTP_WAITERS | transient | - | Too many callers wait for a sync. | Try again later.
DSYNCD_ALERT_MAIL | transient | - | An alert could not be sent by mail. | Check sendmail on this host.
DSYNCD_CHANGES_CURSOR | operator | - | Changes after this cursor may be missing: it is too old, invalid, or of another feed. | Start over: take the cursor of since=now, go through all users, then go on from that cursor. A consumer does so by itself.
DSYNCD_CHANGES_OFF | operator | - | The change feed is asked for and is not kept. | Set change_feed = true.
DSYNCD_CHANGES_FILE | operator transient | - | The file of the change feed cannot be read or written. | Check state_dir, its owner and the disk; notifications wait meanwhile.
DSYNCD_CHANGES_THREAD | transient | - | The thread that writes the change feed ended. | Nothing: it is started again by itself; the log says why.
DSYNCD_CONSUMER_COMMAND | transient | - | The command of a consumer failed. | The message has its last words; the same users are given to it again.
DSYNCD_CONSUMER_URL | transient | - | The URL of a consumer did not take the users. | Check url and token_file of the consumer; the same users are sent again.
DSYNCD_ALERT_WEBHOOK | transient | - | The webhook did not accept an alert. | Check its URL and its log.
`;

/** A code of the table: an error with any other does not compile. */
export type ErrorCode = CodesOf<typeof table>;

/** The first cells of all lines; a tail call, as those may go deep enough. */
type CodesOf<Lines extends string, Found = never> = Lines extends `${infer Line}\n${infer More}`
  ? CodesOf<More, Line extends `${infer Code extends `DSYNCD_${string}`} | ${string}` ? Found | Code : Found>
  : Found;

const isOutcome = (text: string): text is FailureKind =>
  ['busy', 'transient', 'operator', 'nouser', 'noreplicate'].includes(text);

function parseEntry(line: string): ErrorEntry {
  const [code = '', outcomes = '', exit = '', when = '', remedy = ''] = line.split(' | ');
  return {
    code,
    outcomes: outcomes.split(' ').filter(isOutcome),
    when,
    remedy,
    exit: exit === '-' ? undefined : Number(exit),
  };
}

/** All entries, by what they are about. */
export const errorCatalogue: readonly { readonly area: string; readonly entries: readonly ErrorEntry[] }[] =
  table
    .trim()
    .split('\n\n')
    .map((part) => {
      const [area = '', ...lines] = part.split('\n');
      return { area: area.replace('# ', ''), entries: lines.map(parseEntry) };
    });

const byCode: ReadonlyMap<string, ErrorEntry> = new Map(
  errorCatalogue.flatMap(({ entries }) => entries.map((entry) => [entry.code, entry])),
);

const isErrorCode = (code: string): code is ErrorCode => byCode.has(code);

/** A code from a peer, another program or a file: one of another version becomes `otherwise`. */
export const knownErrorCode = (code: string | undefined, otherwise: ErrorCode): ErrorCode =>
  code !== undefined && isErrorCode(code) ? code : otherwise;

export const findError = (code: string): ErrorEntry | undefined => byCode.get(code);
