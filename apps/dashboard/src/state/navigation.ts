import { signal } from '@preact/signals';
import { hashOf, parseRoute, type Route } from '../model/route.ts';
import { takeTokenFromAddress } from './session.ts';

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
