import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readSecret } from '../src/index.ts';
import { credentialFolder } from '../src/load/credentials.ts';
import { parseSources } from '../src/load/load.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'credentials-'));
});
afterEach(() => rm(folder, { recursive: true }));

const text = (name: string) => `doveadm_password_file = "credential:${name}"
[channels.default]
mail_replica = "tcps:mx2.example.com"
[ssh]
key_file = "/etc/dsyncd/id"
`;
const parse = (name: string, env: Record<string, string>) =>
  parseSources([{ file: 'd.toml', text: text(name) }], credentialFolder(env, folder));

test('a credential is read from the folder of the unit, a path stays a path', async () => {
  await writeFile(join(folder, 'secret'), 'correct horse\n', { mode: 0o400 });
  const config = parse('secret', { CREDENTIALS_DIRECTORY: folder });
  expect(config.doveadmPasswordFile).toBe(join(folder, 'secret'));
  expect(config.channels[0]?.doveadmPasswordFile).toBe(join(folder, 'secret'));
  expect(await readSecret(config.doveadmPasswordFile ?? '')).toBe('correct horse');
  expect(config.ssh.keyFile).toBe('/etc/dsyncd/id');
});

test('a program that no unit started takes the credential of the running unit that has it', async () => {
  await mkdir(join(folder, 'dsync-server.service'));
  await writeFile(join(folder, 'dsync-server.service/secret'), 'x');
  expect(parse('secret', {}).doveadmPasswordFile).toBe(join(folder, 'dsync-server.service/secret'));
  expect(parse('other', {}).doveadmPasswordFile).toBe(join(folder, 'dsyncd.service/other'));
});

test.each(['', '..', '../secret', 'a b'])('refuses the name %j', (name) => {
  expect(() => parse(name, {})).toThrow(
    /d\.toml:1: doveadm_password_file is "credential:.*", expected "credential:NAME"/,
  );
});

test('says what is missing when there is no such credential', async () => {
  await expect(readSecret('/run/credentials/dsyncd.service/none')).rejects.toMatchObject({
    code: 'DSYNCD_SECRET',
    hint: expect.stringContaining('LoadCredential='),
  });
});
