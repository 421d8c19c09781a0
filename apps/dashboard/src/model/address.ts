export type UserFilter = 'all' | 'behind' | 'failed' | 'quarantined' | 'paused';
export const userFilters: readonly UserFilter[] = ['all', 'behind', 'failed', 'quarantined', 'paused'];

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'fleet' }
  | { readonly page: 'users'; readonly search: string; readonly filter: UserFilter }
  | { readonly page: 'user'; readonly user: string };

/** What the part of the address behind `#` means; what means nothing is the overview. */
export function parseRoute(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?', 2);
  if (path === '/fleet') return { page: 'fleet' };
  if (path === '/users') {
    const parameters = new URLSearchParams(query);
    const filter = userFilters.find((each) => each === parameters.get('filter')) ?? 'all';
    return { page: 'users', search: parameters.get('search') ?? '', filter };
  }
  const user = /^\/users\/(.+)$/.exec(path)?.[1];
  const name = user === undefined ? undefined : decoded(user);
  return name === undefined ? { page: 'overview' } : { page: 'user', user: name };
}

export function hashOf(route: Route): string {
  if (route.page === 'overview') return '#/';
  if (route.page === 'fleet') return '#/fleet';
  if (route.page === 'user') return `#/users/${encodeURIComponent(route.user)}`;
  const parameters = new URLSearchParams();
  if (route.search !== '') parameters.set('search', route.search);
  if (route.filter !== 'all') parameters.set('filter', route.filter);
  const query = parameters.toString();
  return query === '' ? '#/users' : `#/users?${query}`;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** The token in an address that ends in `#token=TOKEN`; undefined for any other. */
export function tokenOfHash(hash: string): string | undefined {
  const text = /^#token=([^&/?]+)$/.exec(hash)?.[1];
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Would a browser send it in a header? Tokens are printable ASCII without spaces. */
export const isTokenText = (text: string): boolean => /^[\x21-\x7e]+$/.test(text);
