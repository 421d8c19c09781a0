import type { ComponentChildren } from 'preact';
import { hashOf } from '../model/address.ts';
import { durationText, relativeText, secondsSince } from '../model/ages.ts';
import type { Channel, User } from '../model/answers.ts';
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

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => ComponentChildren;
  /** What the row is about. */
  readonly isHead?: boolean;
  /** Its title is for a screen reader only. */
  readonly hasHiddenTitle?: boolean;
}

export interface DataTableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
}

/** On a narrow screen each row becomes a card; the titles then stand before the values. */
export function DataTable<Row>({ caption, columns, rows, keyOf }: DataTableProps<Row>) {
  return (
    <table>
      <caption class="hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ title, hasHiddenTitle }) => (
            <th key={title} scope="col">
              <span class={hasHiddenTitle === true ? 'hidden' : ''}>{title}</span>
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={keyOf(row)}>{columns.map((column) => cellOf(column, row))}</tr>
        ))}
      </tbody>
    </table>
  );
}

function cellOf<Row>({ title, cell, isHead, hasHiddenTitle }: Column<Row>, row: Row) {
  if (isHead === true)
    return (
      <th key={title} scope="row">
        {cell(row)}
      </th>
    );
  return (
    <td key={title} data-title={hasHiddenTitle === true ? undefined : title}>
      {cell(row)}
    </td>
  );
}
