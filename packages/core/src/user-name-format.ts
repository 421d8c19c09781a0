import type { UserName } from './ids.ts';
import { isUserName } from './names.ts';

/** How the names of users are spelt, as Dovecot's `auth_username_format` says it there. */
export const usernameFormats = ['lower', 'as-is'] as const;
export type UsernameFormat = (typeof usernameFormats)[number];

/**
 * The one spelling of a user's name. Queue and store know users by it alone, so that `Ann@example.com` is one user
 * with `ann@example.com`, whoever wrote the name: an MTA, a person, a peer.
 */
export function formatUserName(user: UserName, format: UsernameFormat): UserName {
  if (format === 'as-is') return user;
  const lower = user.toLowerCase();
  // A few letters have more bytes in lower case: a name that would become too long stays as it is.
  return lower === user || !isUserName(lower) ? user : lower;
}
