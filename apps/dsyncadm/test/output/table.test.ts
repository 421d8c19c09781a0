import { describe, expect, it } from 'vitest';
import { formatList, formatTable, printable } from '../../src/output/table.ts';

describe('formatTable', () => {
  it('gives half of the spare width to the column that expands', () =>
    expect(
      formatTable([{ title: 'username', expands: true }, { title: 'failed' }], [['ann', '-']], {
        widthColumns: 25,
      }),
    ).toBe('username      failed\nann           -     \n'));

  it('keeps columns in line when the line is too short', () =>
    expect(formatTable([{ title: 'a' }, { title: 'b' }], [['longer', 'x']], { widthColumns: 3 })).toBe(
      'a      b\nlonger x\n',
    ));

  it('lets no control character through to the terminal', () =>
    expect(printable('a\u001b[31m\n\u009bb')).toBe('a?[31m??b'));

  it('prints a list without blanks at line ends', () =>
    expect(formatList([{ title: 'mailbox' }, { title: 'n', alignsRight: true }], [['INBOX', '12']])).toBe(
      'mailbox  n\nINBOX   12\n',
    ));
});
