/**
 * What a logged-in client may ask a doveadm server beside a sync: whom it has, who it is, and what mail a user has. The
 * first is a command of Dovecot as well; the others only a dsyncd answers. One line of JSON each.
 */

import { splitTabs } from '../lines.ts';

export type PeerQuestion =
  | { readonly kind: 'users' | 'about' }
  /** `query` is a text of packages/verify. */
  | { readonly kind: 'verify'; readonly user: string; readonly query: string };

/** The words of each as a command. */
export const peerQuestionWords: Readonly<Record<'users' | 'about', readonly string[]>> = {
  users: ['user', '*'],
  about: ['dsyncd-about'],
};
/** Followed by the query; the user stands before it, as in any command. */
export const verifyWord = 'dsyncd-verify';

/** Undefined for any other command. */
export function parsePeerQuestion(line: string): PeerQuestion | undefined {
  const [flags, user, ...words] = splitTabs(line);
  if (flags !== '') return undefined;
  const [word, query] = words;
  if (word === verifyWord && user !== undefined && query !== undefined)
    return { kind: 'verify', user, query };
  if (user !== '') return undefined;
  const kind = (['users', 'about'] as const).find(
    (each) => words.join('\t') === peerQuestionWords[each].join('\t'),
  );
  return kind === undefined ? undefined : { kind };
}

/** Every Dovecot answers it and a dsyncd refuses it: so a client learns which of the two it speaks with. */
export const dovecotProbe = '\t\tprocess status';

/** What a dsyncd host says of itself. */
export interface PeerAbout {
  readonly hostname: string;
  readonly version: string;
  /** Its clock, in Unix milliseconds. */
  readonly now: number;
  /** Where it replicates to. */
  readonly channels: readonly { readonly name: string; readonly replica: string }[];
}

/** Undefined when the text is no such answer. */
export function decodePeerAbout(text: string): PeerAbout | undefined {
  const value = parseJson(text);
  const channels = fieldOf(value, 'channels');
  const [hostname, version, now] = ['hostname', 'version', 'now'].map((name) => fieldOf(value, name));
  if (typeof hostname !== 'string' || typeof version !== 'string' || typeof now !== 'number')
    return undefined;
  if (!Array.isArray(channels)) return undefined;
  const read = channels.map((channel: unknown) => ({
    name: String(fieldOf(channel, 'name')),
    replica: String(fieldOf(channel, 'replica')),
  }));
  return { hostname, version, now, channels: read };
}

/** Undefined when the text is no list of users. */
export function decodeUserList(text: string): readonly string[] | undefined {
  const users = fieldOf(parseJson(text), 'userList');
  return Array.isArray(users) ? users.filter((user): user is string => typeof user === 'string') : undefined;
}

const fieldOf = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Whatever it is, it is no answer.
    return undefined;
  }
}
