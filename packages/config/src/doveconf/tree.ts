import { DsyncdError, quote } from '@dsyncd/core';

/** A block of `doveconf` output: the whole file, `service replicator { ... }`, `plugin { ... }`. */
export interface DoveconfBlock {
  /** Empty for the whole file. */
  readonly kind: string;
  /** What stands between the kind and the brace: `replicator`. */
  readonly name: string;
  /** Line of its start, from 1. */
  readonly line: number;
  readonly settings: ReadonlyMap<string, DoveconfSetting>;
  readonly blocks: readonly DoveconfBlock[];
}

export interface DoveconfSetting {
  readonly key: string;
  /** Undefined: `doveconf` was not asked for secrets and hid it. */
  readonly value: string | undefined;
  readonly line: number;
}

export interface DoveconfTree extends DoveconfBlock {
  /** `2.3.19.1` from the first comment; undefined when the comments were cut off. */
  readonly version: string | undefined;
  /** What Dovecot takes the host for, from the comments. */
  readonly hostname: string | undefined;
}

export const doveconfLimits = { textBytesMax: 4 * 1024 * 1024, depthMax: 16 } as const;

interface OpenBlock extends DoveconfBlock {
  readonly settings: Map<string, DoveconfSetting>;
  readonly blocks: OpenBlock[];
}

/**
 * Reads what `doveconf -n` prints.
 * @throws {DsyncdError} `DSYNCD_DOVECONF` (operator) with the line that doveconf cannot have printed.
 */
export function parseDoveconf(text: string): DoveconfTree {
  if (Buffer.byteLength(text) > doveconfLimits.textBytesMax)
    throw badDoveconf(`has more than ${doveconfLimits.textBytesMax} bytes`);
  const root = openBlock('', '', 1);
  const open = [root];
  const comments: string[] = [];
  for (const [index, raw] of text
    .replace(/^\ufeff/, '')
    .split(/\r?\n/)
    .entries()) {
    const line = raw.trim();
    if (line.startsWith('#')) comments.push(line.slice(1).trim());
    else if (line !== '') readLine(line, index + 1, open);
  }
  const unclosed = open.length > 1 ? open.at(-1) : undefined;
  if (unclosed !== undefined)
    throw badDoveconf(`line ${unclosed.line}: ${quote(unclosed.kind)} is never closed: the end is missing`);
  return {
    ...root,
    version: comments.map((comment) => /^(\d+\.\d+[\w.]*)[ :-]/.exec(comment)?.[1]).find(Boolean),
    hostname: comments.map((comment) => /^Hostname: (\S+)$/.exec(comment)?.[1]).find(Boolean),
  };
}

function readLine(line: string, number: number, open: OpenBlock[]): void {
  const block = open.at(-1);
  if (block === undefined) throw badDoveconf(`line ${number}: more "}" than "{"`);
  if (line === '}') {
    if (open.length === 1) throw badDoveconf(`line ${number}: more "}" than "{"`);
    open.pop();
    return;
  }
  // First, as a value may end with a brace.
  const setting = /^([A-Za-z0-9_/.:%!-]+)\s*=\s*(.*)$/.exec(line);
  if (setting?.[1] !== undefined) {
    block.settings.set(setting[1], { key: setting[1], value: shownValue(setting[2] ?? ''), line: number });
    return;
  }
  const header = /^([A-Za-z0-9_]+)(?:\s+(.*?))?\s*\{$/.exec(line);
  if (header?.[1] === undefined)
    throw badDoveconf(`line ${number}: ${quote(line.slice(0, 100))} is neither a setting nor a block`);
  if (open.length > doveconfLimits.depthMax) throw badDoveconf(`line ${number}: blocks nest too deep`);
  const child = openBlock(header[1], unquoted(header[2] ?? ''), number);
  block.blocks.push(child);
  open.push(child);
}

const openBlock = (kind: string, name: string, line: number): OpenBlock => ({
  kind,
  name,
  line,
  settings: new Map(),
  blocks: [],
});

const shownValue = (text: string): string | undefined =>
  text.startsWith('# hidden') ? undefined : unquoted(text);

/** doveconf quotes what begins or ends with a blank. */
const unquoted = (text: string): string =>
  /^".*"$/s.test(text) && text.length > 1 ? text.slice(1, -1).replaceAll(/\\(["\\])/g, '$1') : text;

export const badDoveconf = (problem: string): DsyncdError =>
  new DsyncdError('DSYNCD_DOVECONF', `this is no output of doveconf: ${problem}`, {
    outcome: 'operator',
    hint: 'make the file with `doveconf -n > FILE` on the Dovecot 2.3 host',
  });

/** The blocks of a kind, with a name or with any. */
export const blocksOf = (block: DoveconfBlock, kind: string, name?: string): readonly DoveconfBlock[] =>
  block.blocks.filter((child) => child.kind === kind && (name === undefined || child.name === name));

/** Value of a setting; undefined when it is missing, hidden or empty. */
export const settingOf = (block: DoveconfBlock | undefined, key: string): string | undefined => {
  const value = block?.settings.get(key)?.value;
  return value === '' ? undefined : value;
};

const timeUnitsMs: Readonly<Record<string, number>> = {
  msec: 1,
  milli: 1,
  sec: 1000,
  min: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
};

/** Milliseconds of a time as Dovecot writes it: `12 hours`, `1 days`, `30s`; a bare number is seconds. */
export function parseDovecotTime(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,9})\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const wanted = unit.toLowerCase();
  if (wanted === '') return Number(digits) * 1000;
  if (wanted === 'ms') return Number(digits);
  // Dovecot takes any beginning of a unit's name, and its plural.
  const name = Object.keys(timeUnitsMs).find(
    (known) => known.startsWith(wanted) || known === wanted.slice(0, -1),
  );
  const unitMs = timeUnitsMs[name ?? ''];
  return unitMs === undefined ? undefined : Number(digits) * unitMs;
}
