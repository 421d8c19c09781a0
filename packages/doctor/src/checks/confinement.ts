import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { HostCheck } from '../check.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';

/** Do SELinux and AppArmor let the mail processes of Dovecot notify dsyncd? */
export const confinement: HostCheck = {
  name: 'confinement',
  async run({ config }) {
    if (config.mailEngine !== 'dovecot') return undefined;
    const places = { runFolder: config.listeners.notify.dir, spoolFolder: config.notifySpoolDir };
    return judgeConfinement(await readConfinement('/', places));
  },
};

interface Places {
  /** Where the FIFO is, and where the spool folder. */
  readonly runFolder: string;
  readonly spoolFolder: string;
}

export interface Confinement extends Places {
  readonly selinux: 'off' | 'permissive' | 'enforcing';
  /** Types of the folders that are there. */
  readonly typeOf: ReadonlyMap<string, string>;
  /** Profiles of mail processes that AppArmor enforces: the program, and what the administrator has added to its profile. */
  readonly profiles: ReadonlyMap<string, string>;
}

/** Programs of Dovecot that change mail. */
const mailPrograms = ['imap', 'lmtp', 'pop3', 'managesieve', 'dovecot-lda', 'deliver'];

/**
 * What this host enforces.
 * @param root - `/`, or a folder that has `sys` and `etc` of a host
 * @param contextOf - the SELinux context of a path; undefined when it has none or is not there
 */
export async function readConfinement(
  root: string,
  places: Places,
  contextOf: (path: string) => Promise<string | undefined> = askContext,
): Promise<Confinement> {
  const read = (path: string): Promise<string | undefined> =>
    readFile(join(root, path), 'utf8').catch(() => undefined);
  const enforce = (await read('sys/fs/selinux/enforce'))?.trim();
  const selinux = enforce === undefined ? 'off' : enforce === '1' ? 'enforcing' : 'permissive';
  const typeOf = new Map<string, string>();
  for (const folder of selinux === 'off' ? [] : [places.runFolder, places.spoolFolder]) {
    const [, , type] = (await contextOf(folder))?.split(':') ?? [];
    if (type !== undefined) typeOf.set(folder, type);
  }
  const profiles = new Map<string, string>();
  for (const program of enforcedPrograms((await read('sys/kernel/security/apparmor/profiles')) ?? ''))
    profiles.set(program, await localRules(join(root, 'etc/apparmor.d/local'), program));
  return { ...places, selinux, typeOf, profiles };
}

/** From lines such as `dovecot-imap (enforce)` or `/usr/lib/dovecot/imap (enforce)`. Pure. */
const enforcedPrograms = (profiles: string): readonly string[] =>
  mailPrograms.filter((program) =>
    [`/usr/lib/dovecot/${program}`, `dovecot-${program.replace('dovecot-', '')}`].some((name) =>
      profiles.split('\n').includes(`${name} (enforce)`),
    ),
  );

async function localRules(folder: string, program: string): Promise<string> {
  const names = (await readdir(folder).catch(() => [])).filter((name) => name.endsWith(`dovecot.${program}`));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8').catch(() => '')));
  return texts.join('\n');
}

async function askContext(path: string): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)('stat', ['--format', '%C', path]);
    return stdout.trim();
  } catch {
    // Not there, or no context.
    return undefined;
  }
}

/** Types that Dovecot's policy lets its mail processes write to. */
const runTypes = ['dovecot_var_run_t', 'dovecot_runtime_t'];
const spoolTypes = ['dovecot_spool_t'];
const guide = 'deploy/confine/README.md';

/** Pure. Undefined: nothing is confined here. */
export function judgeConfinement(found: Confinement): Finding | undefined {
  const { selinux, profiles, typeOf, runFolder, spoolFolder } = found;
  const wrong = [
    ...[...typeOf]
      .filter(([folder, type]) => !(folder === runFolder ? runTypes : spoolTypes).includes(type))
      .map(([folder, type]) => `${folder} has the SELinux type ${type}`),
    ...[...profiles]
      .filter(([, rules]) => !hasRule(rules, runFolder) && !hasRule(rules, spoolFolder))
      .map(([program]) => `AppArmor enforces a profile of ${program} that does not name ${runFolder}`),
  ];
  if (wrong.length > 0) {
    const message = `Dovecot may not be allowed to notify dsyncd: ${wrong.join('; ')}`;
    const isEnforced = selinux === 'enforcing' || profiles.size > 0;
    return isEnforced
      ? problem(message, `see ${guide}`)
      : warning(message, `see ${guide}, before SELinux is enforced`);
  }
  if (selinux === 'off' && profiles.size === 0) return undefined;
  return ok(
    'SELinux and AppArmor let mail processes of Dovecot notify dsyncd, as far as labels and profiles show',
  );
}

/** Is there a rule for files in that folder? `/run` may be written as a variable. */
function hasRule(rules: string, folder: string): boolean {
  const lines = rules.split('\n').map((line) => line.trim().replace('@{run}', '/run'));
  return lines.some((line) => line.startsWith(`${folder}/`));
}
