import { changingSyncsMin, fail, priorityCodes, type Standing, standings } from '@dsyncd/core';
import { bucket, clockStepMsMin, flag, timing } from '@dsyncd/queue';

/** The fields of a record, a JSON array in the hash `users:<channel>`, in their order. */
export const recordFields = [
  'FLAGS',
  'PRIO',
  'ASKED',
  'FAST',
  'FULLBASE',
  'SUCCESS',
  'HOLD',
  'FAILS',
  'QUICK_RETRIES',
  'BUCKET',
  'STANDING',
  'PLACE',
  'UNPROVEN',
] as const;
export type RecordField = (typeof recordFields)[number];

/** Where the field is in the array, as JavaScript counts. */
export const fieldAt = Object.fromEntries(recordFields.map((name, index) => [name, index])) as Readonly<
  Record<RecordField, number>
>;

const upper = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
const upperKeys = (prefix: string, values: Readonly<Record<string, number>>): [string, number][] =>
  Object.entries(values).map(([name, value]) => [prefix + upper(name), value]);

/** How a user stands is a number in Redis: 0 for not counted, then in the order of the words. */
export const standingNumber = (standing: Standing): number => 1 + standings.indexOf(standing);

/** Every number that TypeScript and Lua both know, by its name in Lua. */
export const luaConstants: ReadonlyMap<string, number> = new Map([
  ...recordFields.map((name, index): [string, number] => [name, index + 1]),
  ...upperKeys('', flag),
  ...upperKeys('IN_', bucket),
  ...standings.map((name): [string, number] => [
    `IS_${name.toUpperCase().replaceAll(' ', '_')}`,
    standingNumber(name),
  ]),
  ['SYNC_PRIORITY', priorityCodes.sync],
  ['CHANGING_SYNCS_MIN', changingSyncsMin],
  ['CLOCK_SLACK', clockStepMsMin],
  ...upperKeys(
    '',
    Object.fromEntries(
      Object.entries(timing).filter((entry): entry is [string, number] => typeof entry[1] === 'number'),
    ),
  ),
]);

/** Fields and flags, which nearly every line of the scripts uses, by their bare names; all others as `C.NAME`. */
export const constants = `
local ${recordFields.join(', ')} = ${recordFields.map((_, index) => index + 1).join(', ')}
local ${Object.keys(flag).map(upper).join(', ')} = ${Object.values(flag).join(', ')}
local AGEING = { ${timing.ageingMs.slice(1).join(', ')} }
`;

/** The script with the number in place of each `C.NAME`. */
export const withConstants = (script: string): string =>
  script.replace(/\bC\.([A-Z_]+)/g, (_, name: string) =>
    String(luaConstants.get(name) ?? fail(`no constant ${name} for Lua`)),
  );
