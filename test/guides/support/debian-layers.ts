import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** Debian systems that can be booted; test/tooling/debian-hosts.mjs makes them. bookworm has Dovecot 2.3, trixie 2.4. */
export type GuideDebian = 'bookworm' | 'trixie';

/** For overlayfs. */
export const debianLayers = (debian: GuideDebian): string =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dsyncd', `host-${debian}`);

export function guideDebianProblem(): string | undefined {
  for (const debian of ['bookworm', 'trixie'] as const)
    if (!existsSync(join(debianLayers(debian), 'dsyncd-edition')))
      return `${debianLayers(debian)} is not there: node test/tooling/debian-hosts.mjs makes it`;
  return undefined;
}
