import { durationText, relativeText, secondsSince } from '../model/ages.ts';
import type { Channel, User } from '../model/api-types.ts';
import { hashOf } from '../model/route.ts';
import { now } from '../state/clock.ts';

/** A name may be written from right to left: it must not turn what stands around it. */
export const UserLink = ({ user }: { readonly user: string }) => (
  <a href={hashOf({ page: 'user', user })}>
    <bdi>{user}</bdi>
  </a>
);

/** `5 min ago`; the instant itself is in the title. */
export const Ago = ({ at }: { readonly at: string | undefined }) =>
  at === undefined ? (
    <span class="muted">never</span>
  ) : (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {relativeText(at, now.value)}
    </time>
  );

/** `5 min`: for how long something has been so. */
export const Since = ({ at }: { readonly at: string | undefined }) =>
  at === undefined ? (
    <span class="muted">nothing waits</span>
  ) : (
    <time dateTime={at} title={new Date(at).toLocaleString()}>
      {durationText(secondsSince(at, now.value) ?? 0)}
    </time>
  );

const stateTexts: Readonly<Record<User['state'], string>> = {
  replicated: 'replicated',
  behind: 'behind',
  changing: 'changing',
  'not known': 'not known',
  'never synced': 'never synced',
  failing: 'failing',
  paused: 'paused',
  quarantined: 'held',
  unproven: 'unproven',
};
const stateLevels: Readonly<Record<User['state'], string>> = {
  replicated: 'good',
  behind: 'busy',
  changing: 'late',
  'not known': 'busy',
  'never synced': 'busy',
  failing: 'late',
  paused: 'late',
  quarantined: 'bad',
  unproven: 'busy',
};

export const ChannelPill = ({ paused, breaker }: Pick<Channel, 'paused' | 'breaker'>) => (
  <span class={`pill is-${paused ? 'late' : breaker.state === 'closed' ? 'good' : 'bad'}`}>
    {paused ? 'paused' : breaker.state === 'closed' ? 'replicating' : 'replica not reachable'}
  </span>
);

export const StatePill = ({ state }: Pick<User, 'state'>) => (
  <span class={`pill is-${stateLevels[state]}`}>{stateTexts[state]}</span>
);
