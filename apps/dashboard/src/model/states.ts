import type { Channel, Replicator, User } from './answers.ts';
import type { Level } from './verdict.ts';

/** A state in words, with its colour and what to do about it. */
export interface StateText {
  /** One to three words. */
  readonly short: string;
  readonly level: Level;
  /** One sentence. */
  readonly meaning: string;
  /** What a person does, or what happens by itself: one sentence. */
  readonly next: string;
}

/** How a user stands with the replica. */
export const userStates: Readonly<Record<User['state'], StateText>> = {
  replicated: {
    short: 'replicated',
    level: 'good',
    meaning: 'Everything is on the replica.',
    next: 'Nothing to do.',
  },
  behind: {
    short: 'behind',
    level: 'busy',
    meaning: 'A change waits for its turn.',
    next: 'Nothing to do; if many wait for long, more replication_max_conns may help.',
  },
  changing: {
    short: 'changing',
    level: 'late',
    meaning: 'The mail changes during every sync.',
    next: 'It settles when the mail is at rest for a moment; if it never does, request a full sync.',
  },
  'not known': {
    short: 'not known',
    level: 'busy',
    meaning: 'Mail may have changed while dsyncd was not listening; a sync will find out.',
    next: 'Nothing to do: the sync follows by itself.',
  },
  unproven: {
    short: 'unproven',
    level: 'busy',
    meaning: 'Changes came so close to the last sync that flags may differ; a full sync will prove.',
    next: 'Nothing to do: the full sync follows by itself when the mail is at rest.',
  },
  'never synced': {
    short: 'never synced',
    level: 'busy',
    meaning: 'Waits for its first sync.',
    next: 'Nothing to do: first syncs follow by themselves, behind all changes.',
  },
  failing: {
    short: 'failing',
    level: 'late',
    meaning: 'The last sync failed.',
    next: 'It is tried again by itself; "Retry" tries it now.',
  },
  paused: {
    short: 'paused',
    level: 'late',
    meaning: 'A person has paused this user.',
    next: '"Resume" lets the user go on.',
  },
  quarantined: {
    short: 'held',
    level: 'bad',
    meaning: 'The last sync failed in a way that another try does not fix.',
    next: 'Fix the reason, then press "Retry".',
  },
};

export type ChannelState = 'paused' | 'closed' | 'open' | 'half-open';

export const channelStateOf = ({ paused, breaker }: Pick<Channel, 'paused' | 'breaker'>): ChannelState =>
  paused ? 'paused' : breaker.state;

/** A channel; by its breaker, where nobody has paused it. */
export const channelStates: Readonly<Record<ChannelState, StateText>> = {
  paused: {
    short: 'paused',
    level: 'late',
    meaning: 'A person has paused the channel: no sync is started.',
    next: '"Resume" lets it go on.',
  },
  closed: {
    short: 'replicating',
    level: 'good',
    meaning: 'The replica can be reached.',
    next: 'Nothing to do.',
  },
  open: {
    short: 'replica not reachable',
    level: 'bad',
    meaning: 'The last syncs did not reach the replica.',
    next: 'Check the dsync server and the network there; nothing is lost, and it goes on by itself.',
  },
  'half-open': {
    short: 'trying the replica',
    level: 'late',
    meaning: 'The replica did not answer; one sync tries whether it does again.',
    next: 'Nothing to do until that try has ended.',
  },
};

export type ReplicatorState = 'alive' | 'silent' | 'none';

export const replicatorStateOf = ({ alive }: Pick<Replicator, 'alive'>): ReplicatorState =>
  alive ? 'alive' : 'silent';

/** A replicator of a backend; `none`: the backend has not got one. */
export const replicatorStates: Readonly<Record<ReplicatorState, StateText>> = {
  alive: { short: 'alive', level: 'good', meaning: 'It works.', next: 'Nothing to do.' },
  silent: {
    short: 'silent',
    level: 'bad',
    meaning: 'Nothing was heard of it for one lease: it has ended, or cannot reach the Redis.',
    next: 'Check dsyncd on that host; its syncs are taken over by the other replicators.',
  },
  none: {
    short: 'no replicator',
    level: 'bad',
    meaning: 'Nobody serves this backend.',
    next: 'Start dsyncd on one of its hosts; changes wait in the Redis until then.',
  },
};
