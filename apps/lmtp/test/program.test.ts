import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RawClient } from './client.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
let folder: string;
let configFile: string;
let child: ChildProcess | undefined;
let log: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dsync-lmtp-'));
  configFile = join(folder, 'dsyncd.toml');
  log = '';
  await writeFile(
    configFile,
    `hostname = "mx.example.com"
base_dir = "${folder}/run"
state_dir = "${folder}/state"
mail_home = "${folder}/mail/%{user}"
[listeners.lmtp]
path = "${folder}/run/lmtp"
`,
  );
});
afterEach(async () => {
  if (child !== undefined && child.exitCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
  await rm(folder, { recursive: true });
});

const start = (): ChildProcess => {
  const process_ = spawn(process.execPath, [main, '-c', configFile], {
    stdio: ['ignore', 'inherit', 'pipe'],
  });
  process_.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  child = process_;
  return process_;
};

/** Waits until the log has `text`. */
async function logged(process_: ChildProcess, text: string): Promise<void> {
  while (!log.includes(text)) {
    if (process_.exitCode !== null) throw new Error(`ended: ${log}`);
    await Promise.race([once(process_.stderr ?? process_, 'data'), once(process_, 'exit')]);
  }
}

test('starts with nothing, delivers, leaves the notification for dsyncd, and ends on SIGTERM', async () => {
  const program = start();
  await logged(program, '"msg":"ready"');
  const client = await RawClient.open(join(folder, 'run/lmtp'));
  await client.ask('LHLO x');
  expect(await client.deliver(['u@x', 'v+Work@x'], 'hello\r\n')).toEqual([
    '250 2.0.0 <u@x> saved',
    '250 2.0.0 <v+Work@x> saved',
  ]);
  program.kill('SIGTERM');
  expect(await client.reply()).toMatch(/^421 /);
  expect(await once(program, 'exit')).toEqual([0, null]);
  const spool = join(folder, 'state/notify-spool');
  const notices = await Promise.all(
    (await readdir(spool)).map((name) => readFile(join(spool, name), 'utf8')),
  );
  expect(notices.sort()).toEqual(['u@x\thigh\n', 'v@x\thigh\n']);
  expect(await readdir(join(folder, 'mail'))).toEqual(['u@x', 'v@x']);
});

test('SIGHUP takes a new configuration, and keeps the old one when the new one is wrong', async () => {
  const program = start();
  await logged(program, '"msg":"ready"');
  const before = await readFile(configFile, 'utf8');
  const client = await RawClient.open(join(folder, 'run/lmtp'));
  await client.ask('LHLO x');
  await writeFile(configFile, `message_size_limit = "1k"\n${before}`);
  program.kill('SIGHUP');
  await logged(program, 'configuration reloaded');
  expect(await client.ask('MAIL FROM:<> SIZE=2000')).toMatch(/^552 /);
  await appendFile(configFile, 'nonsense = 1\n');
  program.kill('SIGHUP');
  await logged(program, 'configuration not reloaded');
  expect(await client.ask('MAIL FROM:<> SIZE=2000')).toMatch(/^552 /);
  expect(await client.ask('MAIL FROM:<> SIZE=1000')).toMatch(/^250 /);
  await client.close();
});

test('a wrong configuration is told with its line, and ends with 78', async () => {
  await appendFile(configFile, 'adress = "::1"\n');
  const [code] = await once(start(), 'close');
  expect(code).toBe(78);
  expect(log).toContain(`${configFile}:7: listeners.lmtp.adress is no setting; did you mean "address"`);
});
