import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import { expectation, nodeOf, recordOf } from './setting-kinds.ts';
import { settings } from './settings.ts';

/** All settings as Markdown, a section a table; made from the schema, so never out of date. */
export function referenceText(): string {
  const sections: string[] = [];
  addSection(settings, [], sections);
  return `# Settings of dsyncd.toml\n\n${fileNotes.join('\n\n')}\n\n${sections.join('\n')}`;
}

/** What holds for the file as a whole, a paragraph each. */
export const fileNotes: readonly string[] = [
  'Files `conf.d/*.toml` beside a `dsyncd.toml` are read after it, in the order of their names. Tables of one name become one. No file overrides another: a setting that two files have is an error. A configuration with another name (`-c FILE`) has no such folder.',
  'A setting that ends in `_file` takes a path, or `credential:NAME` for what the unit has as `LoadCredential=NAME:PATH` (or `LoadCredentialEncrypted=`, `SetCredential=`): `$CREDENTIALS_DIRECTORY/NAME`. A program without that folder, such as `dsyncadm`, reads the credential of a running unit, `/run/credentials/UNIT/NAME`, for which it has to be root or the user of the unit. systemd fills credentials at the start: a change needs a restart, not a reload.',
];

function addSection(schema: TSchema, path: readonly string[], sections: string[]): void {
  const node = nodeOf(schema);
  const record = recordOf(node);
  if (record !== undefined) {
    addSection(record.value, [...path, 'NAME'], sections);
    return;
  }
  const entries = Object.entries(node.properties ?? {});
  const leaves = entries.filter(([, property]) => nodeOf(property).type !== 'object');
  if (leaves.length > 0) {
    const title = path.length === 0 ? 'Top level' : `\`[${path.join('.')}]\``;
    const rows = leaves.map(([key, property]) => row(key, property));
    sections.push(
      [
        `## ${title}`,
        ...(node.description === undefined ? [] : ['', node.description]),
        '',
        ...header,
        ...rows,
        '',
      ].join('\n'),
    );
  }
  for (const [key, property] of entries)
    if (nodeOf(property).type === 'object') addSection(property, [...path, key], sections);
}

const header = ['| setting | value | default | meaning |', '|---|---|---|---|'];

function row(key: string, schema: TSchema): string {
  const node = nodeOf(schema);
  const fallback =
    node.default === undefined
      ? Type.IsOptional(schema)
        ? '-'
        : 'must be given'
      : `\`${JSON.stringify(node.default)}\``;
  return `| \`${key}\` | ${cell(expectation(node))} | ${fallback} | ${cell(node.description ?? '')} |`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');
