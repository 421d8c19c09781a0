import { readFileSync } from 'node:fs';

/** Version of dsyncd: all its packages have the same. (`dsyncadm` has its own, to start without this package.) */
export function programVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
