import { signal } from '@preact/signals';
import { hashOf, isTokenText, parseRoute, type Route, tokenOfHash } from '../model/address.ts';

const key = 'dsyncd-token';

/** Sent with every request. It lives as long as the tab, and only in it. */
export const token = signal<string | undefined>(sessionStorage.getItem(key) ?? undefined);

export function setToken(text: string | undefined): void {
  if (text === undefined) sessionStorage.removeItem(key);
  else sessionStorage.setItem(key, text);
  token.value = text;
}

/** Takes the token out of `#token=...`, so that it stays neither in the address nor in the history. */
export function takeTokenFromAddress(): void {
  const text = tokenOfHash(location.hash);
  if (text === undefined) return;
  history.replaceState(null, '', `${location.pathname}${location.search}#/`);
  if (isTokenText(text)) setToken(text);
}

export const route = signal<Route>({ page: 'overview' });

export function startNavigation(): void {
  const read = (): void => {
    if (location.hash === '#main') {
      // The skip link has done its work; the address says again which page this is.
      history.replaceState(null, '', hashOf(route.value));
      return;
    }
    takeTokenFromAddress();
    route.value = parseRoute(location.hash);
  };
  addEventListener('hashchange', read);
  read();
}

/** Changes the address without a step in the browser's history: for what is typed letter by letter. */
export function replaceRoute(next: Route): void {
  history.replaceState(null, '', hashOf(next));
  route.value = next;
}
