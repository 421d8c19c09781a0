/**
 * What a replicator asks Dovecot's auth service (sockets `auth-userdb`, `auth-master`): who the users
 * are, and what userdb says about one. Tab-separated lines, `VERSION` and `SPID` first.
 */

import { quote, type UserName } from '@dsyncd/core';
import { joinTabs, splitTabs } from '../lines.ts';

export const authMasterVersion = 'VERSION\t1\t0\n';

/** Undefined when the line shows a version that we speak. */
export const authVersionProblem = (line: string): string | undefined =>
  /^VERSION\t1\t\d{1,9}$/.test(line) ? undefined : `greets with ${quote(line)}, not as the auth service`;

export const encodeUserList = (id: number): string =>
  `${joinTabs(['LIST', String(id), 'user=*', 'service=doveadm'])}\n`;

export const encodeUserLookup = (id: number, user: UserName): string =>
  `${joinTabs(['USER', String(id), user, 'service=doveadm'])}\n`;

export type AuthAnswer =
  | { readonly type: 'listed'; readonly id: number; readonly user: string }
  | { readonly type: 'list-done'; readonly id: number; readonly failed: boolean }
  | {
      readonly type: 'user';
      readonly id: number;
      readonly user: string;
      /** Fields without a value have `''`. */
      readonly fields: ReadonlyMap<string, string>;
    }
  | { readonly type: 'unknown-user'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly reason: string };

/** Undefined for lines that are no answer: `SPID` and what later versions may add. */
export function parseAuthAnswer(line: string): AuthAnswer | undefined {
  const [word, idText, ...rest] = splitTabs(line);
  const id = /^\d{1,10}$/.test(idText ?? '') ? Number(idText) : undefined;
  if (id === undefined) return undefined;
  switch (word) {
    case 'LIST':
      return { type: 'listed', id, user: rest[0] ?? '' };
    case 'DONE':
      return { type: 'list-done', id, failed: rest[0] === 'fail' };
    case 'USER':
      return { type: 'user', id, user: rest[0] ?? '', fields: fieldsOf(rest.slice(1)) };
    case 'NOTFOUND':
      return { type: 'unknown-user', id };
    case 'FAIL':
      return { type: 'failed', id, reason: fieldsOf(rest).get('reason') ?? 'the lookup failed' };
    default:
      return undefined;
  }
}

function fieldsOf(texts: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (const text of texts) {
    const equals = text.indexOf('=');
    if (equals < 0) fields.set(text, '');
    else fields.set(text.slice(0, equals), text.slice(equals + 1));
  }
  return fields;
}
