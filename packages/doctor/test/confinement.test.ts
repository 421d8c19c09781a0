import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { judgeConfinement, readConfinement } from '../src/checks/confinement.ts';

const places = { runFolder: '/run/dsyncd', spoolFolder: '/var/lib/dsyncd/notify-spool' };
const roots: string[] = [];
afterEach(() => Promise.all(roots.splice(0).map((root) => rm(root, { recursive: true }))));

/** A host with these files, and folders with these SELinux types. */
async function find(files: Readonly<Record<string, string>>, types: Readonly<Record<string, string>> = {}) {
  const root = await mkdtemp(join(tmpdir(), 'confined-'));
  roots.push(root);
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  const contextOf = async (path: string) =>
    types[path] === undefined ? undefined : `system_u:object_r:${types[path]}:s0`;
  return judgeConfinement(await readConfinement(root, places, contextOf));
}

const enforce = 'sys/fs/selinux/enforce';
const profiles = 'sys/kernel/security/apparmor/profiles';
const shipped = await readFile(new URL('../../../deploy/confine/dovecot-apparmor', import.meta.url), 'utf8');

it('has nothing to say where nothing is confined', async () => {
  expect(await find({})).toBeUndefined();
  expect(await find({ [profiles]: 'dovecot-imap (complain)\n/usr/sbin/ntpd (enforce)\n' })).toBeUndefined();
});

describe('SELinux', () => {
  it('is a problem with folders that have another type than Dovecot may write to', async () => {
    const types = { '/run/dsyncd': 'var_run_t', '/var/lib/dsyncd/notify-spool': 'dovecot_spool_t' };
    expect(await find({ [enforce]: '1' }, types)).toMatchObject({
      severity: 'problem',
      message: expect.stringContaining('/run/dsyncd has the SELinux type var_run_t') as string,
      remedy: 'see deploy/confine/README.md',
    });
    expect(await find({ [enforce]: '0' }, types)).toMatchObject({ severity: 'warning' });
  });

  it('is good with the types of dsyncd.fc', async () => {
    const contexts = await readFile(new URL('../../../deploy/confine/dsyncd.fc', import.meta.url), 'utf8');
    const types = Object.fromEntries(
      [...contexts.matchAll(/^(\S+)\(\/\.\*\)\?\tsystem_u:object_r:(\w+):s0$/gm)].map(
        ([, path = '', type = '']) => [path, type],
      ),
    );
    expect(Object.keys(types)).toEqual(Object.values(places));
    expect(await find({ [enforce]: '1' }, types)).toMatchObject({ severity: 'ok' });
  });
});

describe('AppArmor', () => {
  it.each(['dovecot-lmtp (enforce)\n', '/usr/lib/dovecot/lmtp (enforce)\n'])(
    'is a problem with an enforced profile without our rules: %j',
    async (list) => {
      expect(await find({ [profiles]: list })).toMatchObject({
        severity: 'problem',
        message: expect.stringContaining('AppArmor enforces a profile of lmtp') as string,
      });
    },
  );

  it('is good with the rules that we ship', async () => {
    const files = {
      [profiles]: 'dovecot-lmtp (enforce)\n',
      'etc/apparmor.d/local/usr.lib.dovecot.lmtp': shipped,
    };
    expect(await find(files)).toMatchObject({ severity: 'ok' });
  });
});
