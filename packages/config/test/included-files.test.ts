import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../src/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'included-'));
});
afterEach(() => rm(folder, { recursive: true }));

const write = async (name: string, text: string): Promise<string> => {
  const file = join(folder, name);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, text);
  return file;
};

async function problemsOf(file: string): Promise<readonly string[]> {
  const error = await loadConfig(file).catch((caught: unknown) => caught);
  if (!(error instanceof ConfigError)) throw new Error(`no ConfigError: ${String(error)}`);
  return error.message.replaceAll(`${folder}/`, '').split('\n');
}

const main = `hostname = "mx1"
doveadm_password_file = "/etc/dsyncd/secret"
[channels.default]
mail_replica = "tcps:mx2.example.com"
`;

test('files of conf.d are read in the order of their names, and tables become one', async () => {
  const file = await write('dsyncd.toml', `${main}[ssl]\nclient_ca_file = "/ca"\n`);
  await write('conf.d/20-b.toml', '[channels.offsite]\nmail_replica = "tcps:mx3.example.com"\n');
  await write(
    'conf.d/10-a.toml',
    'log_level = "debug"\n[ssl]\nserver_cert_file = "/c"\nserver_key_file = "/k"\n',
  );
  await write('conf.d/.hidden.toml', 'nonsense');
  await write('conf.d/20-b.toml.dpkg-old', 'nonsense');
  const config = await loadConfig(file);
  expect(config.includedFiles).toEqual([join(folder, 'conf.d/10-a.toml'), join(folder, 'conf.d/20-b.toml')]);
  expect(config.logLevel).toBe('debug');
  expect(config.ssl).toMatchObject({ clientCaFile: '/ca', serverCertFile: '/c', serverKeyFile: '/k' });
  expect(config.channels.map(({ name }) => name)).toEqual(['default', 'offsite']);
});

test('a configuration with another name, or without the folder, has no more files', async () => {
  await write('conf.d/10-a.toml', 'log_level = "debug"\n');
  expect(await loadConfig(await write('second.toml', main))).toMatchObject({
    logLevel: 'info',
    includedFiles: [],
  });
  await rm(join(folder, 'conf.d'), { recursive: true });
  expect(await loadConfig(await write('dsyncd.toml', main))).toMatchObject({ includedFiles: [] });
});

test('a setting given twice names both places, also where one file has a table and one a value', async () => {
  const file = await write('dsyncd.toml', main);
  await write('conf.d/1.toml', '# ours\nhostname = "mx9"\n');
  await write('conf.d/2.toml', '\n[channels.default]\nmail_replica = "tcps:mx4"\n[log_level]\nx = 1\n');
  await write('conf.d/3.toml', 'log_level = "info"\n');
  expect(await problemsOf(file)).toEqual([
    'conf.d/1.toml:2: hostname is given twice: it is in dsyncd.toml:1 already',
    'conf.d/2.toml:3: channels.default.mail_replica is given twice: it is in dsyncd.toml:4 already',
    'conf.d/3.toml:1: log_level is given twice: it is in conf.d/2.toml:4 already',
  ]);
});

test('errors name the file and the line that they are in', async () => {
  const file = await write('dsyncd.toml', `${main}chain = 3\n`);
  await write('conf.d/10-a.toml', '\nhostnam = "x"\n[ssl]\nserver_cert_file = 4\n');
  const problems = await problemsOf(file);
  expect(problems[0]).toMatch(/^dsyncd\.toml:5: channels\.default\.chain is 3/);
  expect(problems[1]).toMatch(/^conf\.d\/10-a\.toml:2: hostnam is no setting; did you mean "hostname"/);
  expect(problems[2]).toMatch(/^conf\.d\/10-a\.toml:4: ssl\.server_cert_file is 4/);
  await write('conf.d/10-a.toml', 'hostname = \n');
  expect((await problemsOf(file))[0]).toMatch(/^conf\.d\/10-a\.toml:1: Invalid TOML/);
});

test('what is wrong between settings of two files is placed where the setting is', async () => {
  const file = await write('dsyncd.toml', main);
  await write('conf.d/10-a.toml', '\n\n[ssl]\nserver_cert_file = "/c"\n');
  expect(await problemsOf(file)).toEqual([
    'conf.d/10-a.toml:4: ssl.server_cert_file needs server_key_file beside it',
  ]);
});

test('a file of conf.d that cannot be read is an error, not left out', async () => {
  const file = await write('dsyncd.toml', main);
  await mkdir(join(folder, 'conf.d'));
  await symlink('/nonexistent', join(folder, 'conf.d/10-a.toml'));
  await expect(loadConfig(file)).rejects.toMatchObject({
    code: 'DSYNCD_CONFIG',
    message: expect.stringContaining('/conf.d/10-a.toml'),
  });
});
