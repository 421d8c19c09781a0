import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger, systemClock } from '@dsyncd/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { fifoName, listenFifo, listenNotifySocket, notifySocketName } from '../src/index.ts';
import { closeAfterEach, RecordingSink, until } from './recording-sink.ts';

const hasPlugin =
  existsSync('/usr/lib/dovecot/modules/lib20_replication_plugin.so') && existsSync('/usr/bin/doveadm');
const isRoot = process.getuid?.() === 0;
/** Dovecot keeps no mail of root; nobody will do. */
const mailUser = isRoot ? { uid: 65_534, gid: 65_534 } : {};

const closeLater = closeAfterEach();
let folder: string;
let sink: RecordingSink;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plugin-'));
  closeLater(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  mkdirSync(join(folder, 'run'));
  mkdirSync(join(folder, 'mail'));
  if (isRoot) chownSync(join(folder, 'mail'), 65_534, 65_534);
  writeFileSync(
    join(folder, 'dovecot.conf'),
    `base_dir = ${folder}/run
mail_location = maildir:${folder}/mail
mail_plugins = notify replication
ssl = no
protocols =
first_valid_uid = 1
plugin {
  mail_replica = tcp:127.0.0.1:1
}
`,
  );
  sink = new RecordingSink();
  const options = { sink, clock: systemClock, logger: silentLogger, access: { mode: 0o666 } };
  const listeners = [
    await listenFifo(join(folder, 'run', fifoName), options),
    await listenNotifySocket(join(folder, 'run', notifySocketName), options),
  ];
  for (const listener of listeners) closeLater(() => listener.close());
});

/** Runs doveadm as a mail process of user "jane" with the replication plugin; ends when its notifications are out. */
async function doveadm(...args: readonly string[]): Promise<void> {
  const child = spawn('doveadm', ['-c', join(folder, 'dovecot.conf'), ...args], {
    env: { PATH: process.env.PATH, USER: 'jane', HOME: join(folder, 'mail') },
    stdio: ['pipe', 'ignore', 'pipe'],
    ...mailUser,
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  child.stdin.end('Subject: hello\r\n\r\nhello\r\n');
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`doveadm ${args.join(' ')}: ${errors}`);
}

describe.skipIf(!hasPlugin)('the replication plugin of a real Dovecot 2.3', () => {
  test('tells of a new mailbox as low and of a new mail as high', async () => {
    await doveadm('mailbox', 'create', 'Work');
    await until('the mailbox', () => sink.requests.length === 1);
    await doveadm('save');
    await until('the mail', () => sink.requests.length === 2);
    expect(sink.requests).toEqual([
      { user: 'jane', priority: 'low' },
      { user: 'jane', priority: 'high' },
    ]);
  });

  test('waits for the sync of a new mail, and makes it high when that failed', async () => {
    await doveadm('-o', 'plugin/replication_sync_timeout=10', 'save');
    expect(sink.waiters).toEqual(['jane']);
    expect(sink.requests.some(({ priority }) => priority === 'high')).toBe(false);
    sink.answer = () => false;
    await doveadm('-o', 'plugin/replication_sync_timeout=10', 'save');
    await until('the failed one', () => sink.requests.some(({ priority }) => priority === 'high'));
    expect(sink.waiters).toEqual(['jane', 'jane']);
  });
});
