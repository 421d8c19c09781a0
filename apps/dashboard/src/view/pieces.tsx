import type { ComponentChildren } from 'preact';
import { hashOf } from '../model/address.ts';
import { durationText, relativeText, secondsSince } from '../model/ages.ts';
import type { Channel, User } from '../model/answers.ts';
import { channelStateOf, channelStates, type StateText, userStates } from '../model/states.ts';
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

/** A state in words and colour; what to do about it is in the title. */
export const Pill = ({ state: { short, level, meaning, next } }: { readonly state: StateText }) => (
  <span class={`pill is-${level}`} title={`${meaning} ${next}`}>
    {short}
  </span>
);

export const ChannelPill = (channel: Pick<Channel, 'paused' | 'breaker'>) => (
  <Pill state={channelStates[channelStateOf(channel)]} />
);

export const StatePill = ({ state }: Pick<User, 'state'>) => <Pill state={userStates[state]} />;

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
  readonly isCaptionShown?: boolean;
}

/** On a narrow screen each row becomes a card; the titles then stand before the values. */
export function DataTable<Row>({ caption, columns, rows, keyOf, isCaptionShown }: DataTableProps<Row>) {
  return (
    <table>
      <caption class={isCaptionShown === true ? '' : 'hidden'}>{caption}</caption>
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
