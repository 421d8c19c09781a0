import type { Backlog, ChangePage } from '../port.ts';

export interface FeedPlace {
  readonly file: string;
  readonly usersMax: number;
}

export interface OpenedFeed {
  /** Where a damaged file was moved. */
  readonly damagedTo: string | undefined;
}

/** The calls that the thread of the feed's file answers. */
export interface FeedCalls {
  open(place: FeedPlace): OpenedFeed;
  note(users: readonly string[]): void;
  page(since: string | undefined, limit: number): ChangePage;
  end(): string;
  backlog(since: string): Backlog;
  mark(name: string): string | undefined;
  keepMark(name: string, cursor: string | undefined): void;
  close(): void;
}
