import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogFields, type Logger, parseUserName, silentLogger, systemRandom } from '@dsyncd/core';
import type { ConsumerReport, HostProblem } from '@dsyncd/protocol';
import { openMemoryQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AlertPlan, AlertWatch, silenceMsMax } from '../src/index.ts';

interface Posted {
  readonly text: string;
  readonly hostname: string;
  readonly firing: readonly { readonly key: string }[];
  readonly recovered: readonly { readonly key: string }[];
}

const minuteMs = 60_000;
const urlSecret = 'T0PSECRET';
let folder: string;
let clock: VirtualClock;
let queue: ReturnType<typeof openMemoryQueue>;
let server: Server;
let status: number;
let posted: Posted[];
let logged: LogFields[];
let plan: AlertPlan | undefined;
let watch: AlertWatch;
let host: readonly HostProblem[];
let consumers: readonly ConsumerReport[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-alerts-'));
  [status, posted, logged, host, consumers] = [204, [], [], [], []];
  server = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => {
      if (status === 204) posted.push(JSON.parse(body) as Posted);
      response.writeHead(status, { location: '/elsewhere' }).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  clock = new VirtualClock(1_790_000_000_000);
  queue = openMemoryQueue({
    clock,
    random: systemRandom,
    settings: { channels: ['default'], fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 },
  });
  plan = { graceMs: 5 * minuteMs, repeatMs: 60 * minuteMs, webhookUrl: async () => url() };
  const logger: Logger = { ...silentLogger, error: (fields) => logged.push(fields) };
  watch = new AlertWatch({
    queue,
    channels: () => [{ name: 'default', replica: 'tcps:mx2' }],
    host: () => host,
    consumers: async () => consumers,
    plan: () => plan,
    hostname: () => 'mx1.example.com',
    silenceFile: join(folder, 'silent'),
    clock,
    logger,
  });
});

afterEach(async () => {
  watch.stop();
  await queue.close();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook/${urlSecret}`;
const ann = parseUserName('ann@example.com');

async function syncAnn(outcome: 'ok' | 'operator'): Promise<void> {
  await queue.request('default', [{ user: ann, priority: 'high', byOperator: true }]);
  const claim = await queue.claim(AbortSignal.timeout(5_000));
  if (claim === undefined) throw new Error('nothing to claim');
  const failure = { code: 'X', reason: 'the index is damaged', hint: 'mend the index' };
  await queue.complete(claim, { outcome, full: true, ...(outcome === 'ok' ? {} : { failure }) });
}

async function checkAfter(delayMs: number): Promise<void> {
  clock.advance(delayMs);
  await watch.check();
}

/** Notes its arguments and what it reads; ends with `status`. */
function scriptSendmail(exitStatus: number): string {
  const file = join(folder, 'sendmail');
  const text = `#!/bin/sh\necho "$@" >> ${folder}/args\ncat >> ${folder}/mail\necho broken >&2\nexit ${exitStatus}\n`;
  writeFileSync(file, text, { mode: 0o755 });
  return file;
}

describe('AlertWatch', () => {
  it('posts a consumer of the change feed that fails, and that it works again', async () => {
    const failure = { code: 'DSYNCD_CONSUMER_COMMAND', reason: 'exited with 3', hint: 'check command' };
    const report: ConsumerReport = {
      name: 'index',
      state: 'failing',
      startsOver: false,
      usersBehind: 12,
      behindSince: 0,
      runningSince: undefined,
      failuresInRow: 4,
      lastSuccessAt: undefined,
      nextTryAt: undefined,
      failure,
    };
    consumers = [report, { ...report, name: 'other', failure: undefined }];
    await checkAfter(0);
    await checkAfter(5 * minuteMs);
    const keys = posted[0]?.firing.map(({ key }) => key);
    expect(keys).toContain('consumer/index');
    expect(keys).not.toContain('consumer/other');
    for (const wanted of ['index', '4 times in a row', 'exited with 3', 'check command'])
      expect(posted[0]?.text).toContain(wanted);
    consumers = [{ ...report, failure: undefined }];
    await checkAfter(minuteMs);
    expect(posted[1]?.recovered.map(({ key }) => key)).toEqual(['consumer/index']);
  });

  it('posts who is held and why after the grace time, and that it is over', async () => {
    await syncAnn('operator');
    await checkAfter(0);
    await checkAfter(4 * minuteMs);
    expect(posted).toEqual([]);
    await checkAfter(minuteMs);
    expect(posted).toHaveLength(1);
    expect(posted[0]?.firing.map(({ key }) => key)).toEqual(['default/quarantine']);
    expect(posted[0]?.hostname).toBe('mx1.example.com');
    for (const wanted of ['ann@example.com', 'the index is damaged', 'mend the index', 'problem'])
      expect(posted[0]?.text).toContain(wanted);
    await syncAnn('ok');
    await checkAfter(minuteMs);
    expect(posted).toHaveLength(2);
    expect(posted[1]?.firing).toEqual([]);
    expect(posted[1]?.text).toContain('recovered');
  });

  it('tells of what is wrong with the host', async () => {
    await syncAnn('ok');
    host = [{ check: 'clocks (offsite)', message: 'the other clock is 5 min ahead', remedy: 'use chrony' }];
    await checkAfter(0);
    await checkAfter(5 * minuteMs);
    expect(posted[0]?.text).toContain('PROBLEM this host: clocks (offsite): the other clock is 5 min ahead');
    host = [];
    await checkAfter(minuteMs);
    expect(posted[1]?.firing).toEqual([]);
  });

  it.each([
    ['nobody was ever synced', async () => queue.add('default', [ann]), '1 user never synced'],
    ['no user is known any more', async () => {}, 'no users are known yet'],
    [
      'the channel is paused, though nothing waits',
      async () => {
        await syncAnn('ok');
        await queue.pause('default');
      },
      'the channel is paused',
    ],
  ])('tells when %s', async (_, make, words) => {
    await make();
    await checkAfter(0);
    await checkAfter(5 * minuteMs);
    expect(posted[0]?.text).toContain(words);
  });

  it('tells of changes that wait longer than the grace time', async () => {
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    await checkAfter(5 * minuteMs);
    expect(posted).toEqual([]);
    await checkAfter(1);
    expect(posted[0]?.text).toContain('changes of 1 user are not on tcps:mx2 yet');
  });

  it('tries again when nobody took it, and keeps the URL out of the log', async () => {
    await syncAnn('operator');
    await checkAfter(0);
    for (const bad of [500, 302]) {
      status = bad;
      await checkAfter(5 * minuteMs);
    }
    expect(posted).toEqual([]);
    expect(logged.map(({ error }) => (error instanceof Error ? error.message : ''))).toEqual([
      'the webhook for alerts: answered with status 500',
      'the webhook for alerts: answered with status 302',
    ]);
    plan = { graceMs: 0, repeatMs: 1000, webhookUrl: async () => 'http://127.0.0.1:1/T0PSECRET' };
    await watch.check();
    expect(logged).toHaveLength(3);
    expect(JSON.stringify(logged.map(({ error }) => String(error)))).not.toContain(urlSecret);
    plan = { graceMs: 0, repeatMs: 1000, webhookUrl: async () => url() };
    status = 204;
    await watch.check();
    expect(posted).toHaveLength(1);
  });

  it('mails by sendmail, without a shell', async () => {
    plan = {
      graceMs: 0,
      repeatMs: minuteMs,
      mail: { sendmailPath: scriptSendmail(0), to: '$(id)@example.com' },
    };
    await syncAnn('operator');
    await watch.check();
    expect(readFileSync(join(folder, 'args'), 'utf8')).toBe('-i -- $(id)@example.com\n');
    const mail = readFileSync(join(folder, 'mail'), 'utf8');
    expect(mail).toMatch(
      /^From: dsyncd <dsyncd@mx1\.example\.com>\nTo: \$\(id\)@example\.com\nSubject: dsyncd on mx1\.example\.com: 1 problem\n/,
    );
    expect(mail).toContain('\n\nPROBLEM channel default: 1 user quarantined');
    expect(logged).toEqual([]);
  });

  it('says why a mail did not go, and takes the webhook for enough', async () => {
    const mail = { sendmailPath: scriptSendmail(75), to: 'root' };
    plan = { graceMs: 0, repeatMs: minuteMs, mail, webhookUrl: async () => url() };
    await syncAnn('operator');
    await watch.check();
    await watch.check();
    expect(posted).toHaveLength(1);
    expect(logged.map(({ error }) => String(error)).join()).toContain('exited with 75: broken');
    plan = { graceMs: 0, repeatMs: 1, mail: { ...mail, sendmailPath: join(folder, 'none') } };
    await checkAfter(minuteMs);
    expect(String(logged.at(-1)?.error)).toContain('ENOENT');
  });

  it('is silent until the instant in the file, at most a week', async () => {
    plan = { graceMs: 0, repeatMs: 365 * 86_400_000, webhookUrl: async () => url() };
    await syncAnn('operator');
    const silence = (untilMs: number): void =>
      writeFileSync(join(folder, 'silent'), `${new Date(clock.now() + untilMs).toISOString()}\n`);
    silence(minuteMs);
    await watch.check();
    expect(posted).toEqual([]);
    silence(silenceMsMax);
    await watch.check();
    expect(posted).toEqual([]);
    silence(silenceMsMax + 1);
    await watch.check();
    expect(posted).toHaveLength(1);
  });

  it('looks by itself once it is started', async () => {
    plan = { graceMs: 1000, repeatMs: minuteMs, webhookUrl: async () => url() };
    await syncAnn('operator');
    watch.start();
    const told = async (): Promise<number> => {
      clock.advance(250);
      return posted.length;
    };
    await expect.poll(told, { timeout: 10_000, interval: 10 }).toBeGreaterThan(0);
  });

  it('does nothing when alerts are off', async () => {
    plan = undefined;
    await syncAnn('operator');
    await checkAfter(60 * minuteMs);
    expect([posted, logged]).toEqual([[], []]);
  });
});
