import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { DovecotTemplates, Owner, Place } from '@dsyncd/pairing';
import { notPossible } from '../errors.ts';
import type { PairOptions, ServicesMode } from './options.ts';

const run = promisify(execFile);
const commandMsMax = 15_000;

/** The files that a pairing has on this host. */
export const configFileOf = (root: string, option: string | undefined): string =>
  option ?? ((root === '' ? process.env.DSYNCD_CONFIG : undefined) || join(root, '/etc/dsyncd/dsyncd.toml'));

export const journalOf = (configFile: string): string => join(dirname(configFile), 'pair.json');

export const dovecotConfOf = (root: string): string => join(root, '/etc/dovecot/dovecot.conf');

/** Where everything goes on this host. */
export function placeOf(options: PairOptions, configFile: string, group: string): Place {
  const { root } = options;
  const folder = dirname(configFile);
  const mailHome = options.mailHome ?? join(root, '/srv/mail/%{user}');
  return {
    user: options.user,
    group,
    configFile,
    runDir: join(root, '/run/dsyncd'),
    stateDir: join(root, '/var/lib/dsyncd'),
    mailHome,
    mailDir: mailHome.slice(0, mailHome.indexOf('%')).replace(/\/[^/]*$/, ''),
    listenAddress: options.listen ?? (hasIpv6() ? '::' : '0.0.0.0'),
    dovecotConfigFile: root === '' ? undefined : dovecotConfOf(root),
    dovecotRunDir: join(root, '/run/dovecot'),
    files: {
      secret: join(folder, 'secret'),
      authority: join(folder, 'ca.pem'),
      certificate: join(folder, 'host.pem'),
      privateKey: join(folder, 'host.key'),
      dropIn: join(root, '/etc/dovecot/conf.d/99-dsyncd.conf'),
      tmpfiles: join(root, '/etc/tmpfiles.d/dsyncd-dovecot.conf'),
      lua: join(root, '/etc/dovecot/dsyncd-notify.lua'),
      loginKey: join(folder, 'id_ed25519'),
      knownHosts: join(folder, 'known_hosts'),
      authorizedKeys: join(folder, 'authorized_keys'),
      sshdDropIn: join(root, '/etc/ssh/sshd_config.d/50-dsyncd.conf'),
    },
    journal: journalOf(configFile),
  };
}

const hasIpv6 = (): boolean =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6'));

export interface MailOwner {
  /** Undefined when this program is not root: files are its own then. */
  readonly owner: Owner | undefined;
  readonly group: string;
}

/** @throws {DsyncdError} when there is no such user, or this program can make no files for that user */
export async function mailOwnerOf(user: string): Promise<MailOwner> {
  const id = async (what: string): Promise<string> => (await run('id', [what, user])).stdout.trim();
  let numbers: readonly [uid: string, gid: string, group: string];
  try {
    numbers = await Promise.all([id('-u'), id('-g'), id('-gn')]);
  } catch (error) {
    throw notPossible(
      `there is no user ${JSON.stringify(user)} on this host (${error instanceof Error ? error.message.split('\n')[0] : ''})`,
      `name another with --user, or make it: useradd --system --home-dir /srv/mail ${user}`,
    );
  }
  const [uid, gid] = numbers.map(Number);
  const own = process.getuid?.();
  if (own !== 0 && own !== uid)
    throw notPossible('only root can pair a host for another user', 'run it as root');
  return { owner: own === 0 ? { uid: uid ?? 0, gid: gid ?? 0 } : undefined, group: numbers[2] };
}

export interface DovecotHere {
  /** `2.3.21` */
  readonly version: string;
  /** False: it has `ssl = no`. */
  readonly hasTls: boolean;
}

/** The Dovecot that is installed; undefined: none is, or it cannot say. */
export async function dovecotHere(root: string): Promise<DovecotHere | undefined> {
  const file = dovecotConfOf(root);
  if (!existsSync(file)) return undefined;
  try {
    const { stdout } = await run('doveconf', ['-n', '-c', file], { timeout: commandMsMax });
    const version = /^# (\d+(?:\.\d+)+)/.exec(stdout)?.[1];
    return version === undefined ? undefined : { version, hasTls: !/^ssl = no$/m.test(stdout) };
  } catch {
    // No Dovecot, or one whose configuration is broken: that must work first, which the person will say with --engine.
    return undefined;
  }
}

/** What deploy/ has for Dovecot: beside the sources, or where the package puts it. */
export async function templatesFor(series: '2.3' | '2.4'): Promise<DovecotTemplates> {
  const folder = deployFolders()
    .map((path) => join(path, `dovecot-${series}`))
    .find((path) => existsSync(path));
  if (folder === undefined)
    throw notPossible(
      `the files for Dovecot ${series} are not installed`,
      'install dsyncd from its package or a clone',
    );
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const dropIn = await read('99-dsyncd.conf');
  return series === '2.3'
    ? { dropIn, tmpfiles: await read('tmpfiles.conf') }
    : { dropIn, lua: await read('dsyncd-notify.lua') };
}

/** Candidates for deploy/, from build/ and from the sources. */
const deployFolders = (): readonly string[] =>
  ['../deploy', '../../../../deploy'].map((path) => fileURLToPath(new URL(path, import.meta.url)));

/** True when the configuration that is there is the sample as it was shipped: nobody has written anything into it. */
export async function isShippedSample(configFile: string): Promise<boolean> {
  const samples = deployFolders().map((path) => join(path, 'dsyncd.toml'));
  const read = (path: string): Promise<string | undefined> => readFile(path, 'utf8').catch(() => undefined);
  const found = await read(configFile);
  if (found === undefined) return false;
  return (await Promise.all(samples.map(read))).includes(found);
}

export const hasSystemd = (root: string): boolean => root === '' && existsSync('/run/systemd/system');

export const servicesModeOf = ({ services, root }: PairOptions): ServicesMode =>
  services ?? (hasSystemd(root) ? 'systemd' : 'none');
