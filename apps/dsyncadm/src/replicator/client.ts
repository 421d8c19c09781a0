import { DsyncdError, quote } from '@dsyncd/core';
import {
  type ChannelReport,
  type ConsumerReport,
  consumersMinor,
  decodeChannelReport,
  decodeConsumerReport,
  decodeHostProblem,
  decodeSyncReport,
  decodeUserReport,
  type ExtensionCommand,
  encodeExtensionCommand,
  type HostProblem,
  joinTabs,
  problemsMinor,
  replicatorExtensionMinor,
  type SyncReport,
  splitTabs,
  type UserReport,
} from '@dsyncd/protocol';
import { notPossible, usageError } from '../errors.ts';
import { LineSocket } from './line-socket.ts';

export interface OverviewLine {
  /** `Queued 'sync' requests` and so on. */
  readonly field: string;
  readonly count: number;
}

/** A line of `replicator status MASK`. Instants in Unix seconds, 0 for never. */
export interface ReplicatedUser {
  readonly username: string;
  readonly priority: string;
  readonly lastFastSync: number;
  readonly lastFullSync: number;
  readonly failed: boolean;
  readonly lastSuccess: number;
  /** Missing from a Dovecot before 2.3.20. */
  readonly nextSyncSeconds: number | undefined;
}

export interface DsyncLine {
  readonly username: string;
  readonly type: string;
  readonly status: string;
}

export interface ReplicateRequest {
  readonly mask: string;
  readonly priority: 'low' | 'high' | 'sync';
  readonly full: boolean;
}

/** Longest silence of the replicator, in milliseconds. `add '*'` walks the whole mail store first. */
const silenceMsMax = { greeting: 10_000, list: 60_000, change: 600_000 } as const;

/** The client side of the socket `replicator-doveadm`, of dsyncd or of a Dovecot 2.3. */
export class ReplicatorClient {
  readonly #socket: LineSocket;
  readonly #extensionMinor: number;

  private constructor(socket: LineSocket, extensionMinor: number) {
    this.#socket = socket;
    this.#extensionMinor = extensionMinor;
  }

  /** @throws {DsyncdError} when nothing listens there, or not a replicator. */
  static async connect(path: string): Promise<ReplicatorClient> {
    const socket = await LineSocket.connect(path);
    try {
      socket.send(joinTabs(['VERSION', 'replicator-doveadm-client', '1', '0']));
      const greeting = await socket.readLine(silenceMsMax.greeting);
      return new ReplicatorClient(socket, minorVersionOf(greeting, path));
    } catch (error) {
      socket.close();
      throw error;
    }
  }

  /** Makes the other commands of this connection speak of one channel. */
  async selectChannel(channel: string): Promise<void> {
    this.#requireExtension('--channel');
    const answer = await this.#ask(encodeExtensionCommand({ type: 'channel', channel }));
    if (answer.startsWith('+')) return;
    throw usageError(
      `the replicator has no channel ${quote(channel)}`,
      '`dsyncadm status` names the channels that it has',
    );
  }

  async overview(): Promise<readonly OverviewLine[]> {
    const lines = await this.#list(['STATUS']);
    return lines.map(([field = '', count = '']) => ({ field, count: wholeNumber(count, field) }));
  }

  async users(mask: string): Promise<readonly ReplicatedUser[]> {
    return (await this.#list(['STATUS', mask])).map(toUser);
  }

  async dsyncs(): Promise<readonly DsyncLine[]> {
    const lines = await this.#list(['STATUS-DSYNC']);
    return lines.map(([username = '', type = '', status = '']) => ({ username, type, status }));
  }

  async channels(): Promise<readonly ChannelReport[]> {
    return (await this.#extendedList({ type: 'channels' })).map(decodeChannelReport);
  }

  /** Those that run now. */
  async syncs(): Promise<readonly SyncReport[]> {
    return (await this.#extendedList({ type: 'syncs' })).map(decodeSyncReport);
  }

  /** Users for whom the replica may lack something. */
  async behind(mask: string): Promise<readonly UserReport[]> {
    return (await this.#extendedList({ type: 'users', mask, behindOnly: true })).map(decodeUserReport);
  }

  /** What is wrong with its host; nothing from a dsyncd that does not look yet. */
  async problems(): Promise<readonly HostProblem[]> {
    if (this.#extensionMinor < problemsMinor) return [];
    return (await this.#extendedList({ type: 'problems' })).map(decodeHostProblem);
  }

  /** How its consumers of the change feed are doing; nothing from a dsyncd that has none yet. */
  async consumers(): Promise<readonly ConsumerReport[]> {
    if (this.#extensionMinor < consumersMinor) return [];
    return (await this.#extendedList({ type: 'consumers' })).map(decodeConsumerReport);
  }

  /** Users that it knows, a report a user and channel. */
  async everyone(mask: string): Promise<readonly UserReport[]> {
    return (await this.#extendedList({ type: 'users', mask, behindOnly: false })).map(decodeUserReport);
  }

  /** @returns how many users will be synced */
  async replicate({ mask, priority, full }: ReplicateRequest): Promise<number> {
    const answer = await this.#command(['REPLICATE', priority, full ? 'f' : '', mask]);
    return wholeNumber(answer, 'users updated');
  }

  async add(mask: string): Promise<void> {
    await this.#command(['ADD', mask]);
  }

  /** @throws {DsyncdError} `DSYNCD_REPLICATOR_NO_USER` (nouser) when the replicator does not know the user. */
  async remove(user: string): Promise<void> {
    const answer = await this.#ask(['REMOVE', user]);
    if (answer === '-User not found') throw unknownUser(user);
    accepted(answer);
  }

  close(): void {
    this.#socket.close();
  }

  async #ask(fields: readonly string[]): Promise<string> {
    this.#socket.send(joinTabs(fields));
    const [answer = ''] = splitTabs(await this.#socket.readLine(silenceMsMax.change));
    return answer;
  }

  async #command(fields: readonly string[]): Promise<string> {
    return accepted(await this.#ask(fields));
  }

  /** Lines up to the empty one that ends a list. */
  async #list(fields: readonly string[]): Promise<string[][]> {
    this.#socket.send(joinTabs(fields));
    const lines: string[][] = [];
    for (;;) {
      const line = await this.#socket.readLine(silenceMsMax.list);
      if (line === '') return lines;
      lines.push(splitTabs(line));
    }
  }

  async #extendedList(command: ExtensionCommand): Promise<string[][]> {
    this.#requireExtension('status');
    const lines = await this.#list(encodeExtensionCommand(command));
    const [last = ''] = lines.at(-1) ?? [];
    // Every report has more fields.
    if (lines.at(-1)?.length === 1 && last.startsWith('-')) throw cannotTell(last.slice(1));
    return lines;
  }

  #requireExtension(what: string): void {
    if (this.#extensionMinor >= replicatorExtensionMinor) return;
    throw notPossible(
      `this replicator does not know \`${what}\``,
      "it is Dovecot's own or an old dsyncd; `dsyncadm replicator status` works with both",
    );
  }
}

/** @throws {DsyncdError} `DSYNCD_REPLICATOR_ANSWER` when this is not the greeting of a replicator. */
function minorVersionOf(greeting: string, path: string): number {
  const [version, service, major, minor = '0'] = splitTabs(greeting);
  if (version === 'VERSION' && service === 'replicator-doveadm-server' && major === '1')
    return /^\d{1,4}$/.test(minor) ? Number(minor) : 0;
  throw new DsyncdError('DSYNCD_REPLICATOR_ANSWER', `${path} greets with ${quote(greeting)}`, {
    outcome: 'operator',
    hint: 'it must be the socket replicator-doveadm of dsyncd or Dovecot 2.3',
  });
}

function toUser(fields: readonly string[]): ReplicatedUser {
  const [username = '', priority = '', fast = '', full = '', failed = '', success = '', next = ''] = fields;
  return {
    username,
    priority,
    lastFastSync: wholeNumber(fast, username),
    lastFullSync: wholeNumber(full, username),
    failed: failed !== '0',
    lastSuccess: wholeNumber(success, username),
    nextSyncSeconds: next === '' ? undefined : wholeNumber(next, username),
  };
}

function wholeNumber(text: string, what: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new DsyncdError(
    'DSYNCD_REPLICATOR_ANSWER',
    `the replicator answered ${quote(text)} for ${quote(what)}, not a number`,
    {
      outcome: 'operator',
      hint: 'dsyncadm and dsyncd are of different versions: restart dsyncd after an upgrade',
    },
  );
}

/** What follows the `+` of an answer. */
function accepted(answer: string): string {
  if (answer.startsWith('+')) return answer.slice(1);
  throw usageError(
    `the replicator refused: ${answer.startsWith('-') ? answer.slice(1) : answer}`,
    '`dsyncadm replicator --help` shows what it takes',
  );
}

const cannotTell = (reason: string): DsyncdError =>
  new DsyncdError('DSYNCD_REPLICATOR_QUEUE', `the replicator cannot answer: ${reason}`, {
    outcome: 'transient',
    hint: 'changes are kept until its queue answers again; the log of dsyncd says more',
  });

const unknownUser = (user: string): DsyncdError =>
  new DsyncdError('DSYNCD_REPLICATOR_NO_USER', `the replicator does not know user ${quote(user)}`, {
    outcome: 'nouser',
    hint: "`dsyncadm replicator status '*'` shows those that it knows",
  });
