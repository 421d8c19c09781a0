import type { ComponentChildren } from 'preact';

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
