import { signal } from '@preact/signals';
import { isTokenText, tokenOfHash } from '../model/token-link.ts';

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
