import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPair } from '@dsyncd/testkit';

/** Runs `measure` with a started pair over TLS, and cleans up. */
export async function withPair(settings, measure, options = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'dsyncd-bench-'));
  const pair = await createPair({ folder, settings: ['log_level = "info"', ...settings], ...options });
  try {
    return await measure(pair, folder);
  } finally {
    await Promise.all([pair.a.stop(), pair.b.stop()]);
    await rm(folder, { recursive: true, force: true });
  }
}

export async function withFolder(measure) {
  const folder = await mkdtemp(join(tmpdir(), 'dsyncd-bench-'));
  try {
    return await measure(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A mail of about `bytes` bytes, unlike the others. */
export function makeMail(number, bytes) {
  const head = `From: a@example.com\r\nTo: b@example.com\r\nSubject: mail ${number}\r\nMessage-ID: <${number}@example.com>\r\n\r\n`;
  const line = `${String(number).padStart(8, '0')} the quick brown fox jumps over the lazy dog again and again\r\n`;
  return Buffer.from(
    `${(head + line.repeat(Math.ceil((bytes - head.length) / line.length))).slice(0, bytes - 2)}\r\n`,
  );
}

/** Saves mails straight into a store, as any mail process would, in batches. */
export async function fill(mail, mailbox, count, bytes) {
  for (let from = 0; from < count; from += 200) {
    const changes = [];
    for (let number = from; number < Math.min(from + 200, count); number++) {
      const body = makeMail(number, bytes);
      changes.push({
        type: 'save',
        body: await mail.stageBody(
          (async function* () {
            yield body;
          })(),
        ),
      });
    }
    await mailbox.apply(changes);
  }
}

export const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The sampling period of the timer that measures it: what a loop without any delay shows. */
const loopTimerMs = 10;

/**
 * How late the event loop of dsyncd was since the last call, 99th percentile in ms; needs the HTTP API.
 * Each call starts anew, so that one before and one after what is measured go together.
 */
export async function loopDelayP99Ms({ http: { url, token } }) {
  const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  const [, seconds] = /^nodejs_eventloop_lag_p99_seconds (\S+)$/m.exec(await answer.text());
  return Math.max(0, Number(seconds) * 1000 - loopTimerMs);
}

/** Memory of a process. */
export const rssMb = (pid) =>
  Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

const ticksPerSecond = 100;

/** Processor seconds that a process has used so far. */
export function cpuSecondsOf(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Processor seconds that all programs of the hosts have used so far. */
export function cpuSeconds(hosts) {
  let seconds = 0;
  for (const host of hosts) for (const { pid } of host.programs.values()) seconds += cpuSecondsOf(pid);
  return seconds;
}
