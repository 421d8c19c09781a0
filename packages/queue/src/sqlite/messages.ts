/** What passes between main thread and file thread. Keys are {@link recordKey}s. */

import type { StoredChannel } from '../model/scheduler.ts';
import { rowWidth } from '../model/user-records.ts';

/** Numbers a record takes in a message: its key, then its row. */
export const messageRowWidth = rowWidth + 1;

const channelFactor = 2 ** 32;

export const recordKey = (channel: number, user: number): number => channel * channelFactor + user;
export const channelOfKey = (key: number): number => Math.floor(key / channelFactor);
export const userOfKey = (key: number): number => key % channelFactor;

export interface FailureRow {
  readonly key: number;
  readonly code: string;
  readonly reason: string;
  readonly hint: string | undefined;
}

/** One transaction. */
export interface CommitBatch {
  /** All channels, by index. */
  readonly channels: readonly StoredChannel[];
  /** Have those that are stored already changed? */
  readonly hasChangedChannels: boolean;
  /** A record whose flags are 0 is deleted, with its state and failure. */
  readonly rows: Float64Array<ArrayBuffer>;
  readonly users: readonly { readonly id: number; readonly name: string | undefined }[];
  readonly failures: readonly FailureRow[];
  /** An empty state is deleted. */
  readonly states: readonly { readonly key: number; readonly state: string }[];
}

export interface UsersPage {
  readonly ids: Float64Array<ArrayBuffer>;
  readonly names: readonly unknown[];
}

export interface FilePlace {
  readonly file: string;
  readonly fileBytesMax: number;
}

export interface OpenedFile {
  readonly channels: readonly StoredChannel[];
  readonly userIdBound: number;
  /** Where a damaged file was moved, and what was wrong with it. */
  readonly damaged: { readonly movedTo: string; readonly reason: string } | undefined;
}

/** The calls that the file thread answers. */
export interface FileCalls {
  open(place: FilePlace): OpenedFile;
  users(afterId: number): UsersPage;
  rows(afterKey: number): Float64Array<ArrayBuffer>;
  failures(afterKey: number): readonly FailureRow[];
  state(key: number): string | undefined;
  commit(batch: CommitBatch): void;
  /** Deletes these users, and rows that belong to no user or channel. */
  sweep(unusableUsers: readonly number[]): void;
  /** Gives up a damaged file and starts an empty one; answers where the damaged one is. */
  moveAside(): string;
  close(): void;
}
