/** What breaks beside a Dovecot: status, check and failover check tell it within a minute, and no longer than it lasts. */
import { appendFile, chmod, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DovecotHost, dovecotProblem, runProgram, until } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const withinMs = 60_000;
const user = 'ann@example.com';
const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');
const questions = [['status'], ['check'], ['failover', 'check']];

describe.skipIf(dovecotProblem('2.3') !== undefined)('beside a Dovecot 2.3', () => {
  let a: DovecotHost;
  let b: DovecotHost;

  beforeAll(async () => {
    const settings = ['replication_failure_resync_interval = "1s"'];
    [a, b] = await Promise.all([
      DovecotHost.start({ name: 'a', version: '2.3', users: [user], settings }),
      DovecotHost.start({ name: 'b', version: '2.3', users: [user] }),
    ]);
    await a.startDsyncd(b.dovecot.tcp);
    await a.dovecot.deliver(user, [mail]);
    await untilAll('good', ({ code }) => code === 0);
  });
  afterAll(() => Promise.all([a, b].map((host) => host.stop())));

  /** Waits until status, check and failover check all say so. */
  async function untilAll(
    what: string,
    isSo: (answer: { readonly code: number; readonly stdout: string }) => boolean,
  ): Promise<void> {
    let said = '';
    const areSo = async (): Promise<boolean> => {
      const answers = await Promise.all(questions.map((words) => admin(...words)));
      said = answers.map(({ code, stdout }) => `${code} ${stdout}`).join('');
      return answers.every(isSo);
    };
    await until(what, areSo, { timeoutMs: withinMs, everyMs: 500 }).catch((error: unknown) => {
      throw new Error(said, { cause: error });
    });
  }
  const admin = (...words: readonly string[]): ReturnType<typeof runProgram> =>
    runProgram('dsyncadm', ['-c', join(a.folder, 'dsyncd.toml'), ...words]);
  const replicate = (): ReturnType<typeof runProgram> => admin('replicator', 'replicate', user);
  const untilTold = (words: RegExp): Promise<void> =>
    untilAll(`told: ${words}`, ({ code, stdout }) => code !== 0 && words.test(stdout));
  const untilGood = (): Promise<void> => untilAll('good', ({ code }) => code === 0);

  test('LMTP tells of no change', async () => {
    const { configFile } = a.dovecot.place;
    const before = await readFile(configFile, 'utf8');
    await appendFile(configFile, 'protocol lmtp {\n  mail_plugins =\n}\n');
    await a.dovecot.doveadm(['reload']);
    await untilTold(/changes by lmtp are not notified/);
    await writeFile(configFile, before);
    await a.dovecot.doveadm(['reload']);
    await untilGood();
  }, 180_000);

  test('the users cannot be listed', async () => {
    const { usersFile } = a.dovecot.place;
    await rename(usersFile, `${usersFile}.away`);
    await untilTold(/user/);
    await rename(`${usersFile}.away`, usersFile);
    await untilGood();
  }, 180_000);

  test('a mailbox cannot be read', async () => {
    const home = join(a.dovecot.place.mailFolder, user);
    const [inbox] = (await readdir(home, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && entry.name === 'INBOX')
      .map((entry) => join(entry.parentPath, entry.name));
    expect(inbox).toBeDefined();
    await chmod(inbox ?? '', 0);
    await replicate();
    await untilAll('told', ({ code }) => code !== 0);
    const { stdout } = await admin('status');
    expect(stdout).toMatch(/Permission denied|permission/);
    await chmod(inbox ?? '', 0o700);
    // What only a person could mend, a person reports mended.
    await replicate();
    await untilGood();
  }, 180_000);
});
