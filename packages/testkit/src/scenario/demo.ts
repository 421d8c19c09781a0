import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DsyncdError, parseUserName, type Random, type UserName } from '@dsyncd/core';
import type { MailStore } from '@dsyncd/mailstore';
import { asSent } from '../lmtp-client.ts';
import type { Host } from '../rig/host.ts';
import { createPair } from '../rig/host-group.ts';
import { NotInTime, seededRandom, until } from '../until.ts';
import { type ComparedMailbox, compareSnapshots, snapshotUser } from './compare.ts';
import { GentleLife, playHost } from './host-life.ts';
import { Hunter } from './hunter.ts';
import { Ledger } from './ledger.ts';
import { readMails, type SourceMail, sampleMail } from './mail-source.ts';
import { type DemoResult, isFlawless, printReport } from './report.ts';
import { SharedQueue } from './shared-queue.ts';

export interface DemoOptions {
  readonly mail?: string;
  readonly keep: boolean;
  readonly kill: boolean;
  /** Host A has two replicators that share its queue on Redis; one is killed. */
  readonly fleet?: boolean;
  readonly seed: number;
}

/** What happens beside the deliveries; gets how many mails are delivered, and how many there are. */
export type Meanwhile = (delivered: () => number, total: number) => Promise<void>;

export interface ScenarioOptions extends Pick<DemoOptions, 'kill' | 'seed'> {
  readonly mails?: readonly SourceMail[];
  readonly meanwhile?: Meanwhile;
}

const userNames = ['anna', 'bert', 'carla', 'dieter'].map((name) => `${name}@example.com`);
const sampleCount = 60;
const mailBytesMax = 512 * 2 ** 20;
/** Of each host: the hunt goes on after the last delivery, while the hosts sync. */
const killsMin = 10;

const toStdout = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs the demonstration; answers the exit code. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const mails = options.mail === undefined ? undefined : await collect(readMails(options.mail), toStdout);
  if (mails?.length === 0) throw new Error(`there is no mail in ${options.mail}`);
  const folder = await mkdtemp(join(tmpdir(), 'dsyncd-demo-'));
  const say = toStdout;
  const shared = options.fleet === true ? await SharedQueue.start(folder) : undefined;
  const hosts = shared?.hosts ?? Object.values(await createPair({ folder, hasHttp: true }));
  let isKept = false;
  try {
    say(`Starting hosts A and B in ${folder} (seed ${options.seed}) ...`);
    await (shared?.startPrograms() ?? Promise.all(hosts.map((host) => host.start())));
    const { kill, seed } = options;
    const scenario: ScenarioOptions = {
      kill,
      seed,
      mails,
      meanwhile: shared?.killOne.bind(shared),
    };
    const result = await runScenario(hosts, scenario, say);
    const extra = await shared?.report();
    printReport(result, say, extra);
    const isGood = isFlawless(result) && (extra?.flaws ?? []).length === 0;
    isKept = options.keep;
    return isGood ? 0 : 1;
  } catch (error) {
    for (const host of hosts)
      for (const program of new Set([...host.programs.values(), ...host.replicators]))
        say(`--- last lines of ${program.name} on ${host.hostname}\n${program.lines.slice(-5).join('\n')}`);
    throw error;
  } finally {
    if (isKept) await keepGoing(hosts, options.seed, say);
    await (shared?.stop() ?? Promise.all(hosts.map((host) => host.stop())));
    await rm(folder, { recursive: true, force: true });
  }
}

/** Delivers and changes mail on both hosts at once, waits until they are equal, and says what was seen. */
export async function runScenario(
  hosts: readonly Host[],
  options: ScenarioOptions,
  say: (text: string) => void,
): Promise<DemoResult> {
  const users = userNames.map(parseUserName);
  const random = seededRandom(options.seed);
  const mails = options.mails ?? [...samples(random)];
  const stores = hosts.map((host) => host.openStore());
  try {
    say(`Delivering ${mails.length} mails to both hosts, and changing mail on both at once ...`);
    const hunters = options.kill
      ? hosts.map(
          (host, index) => new Hunter({ host, random: seededRandom(options.seed - index - 1), killsMin }),
        )
      : [];
    const ledger = new Ledger();
    const meanwhile = options.meanwhile?.(() => ledger.deliveredCount, mails.length);
    const lives = Promise.all(
      hosts.map(async (host, index) => {
        const share = mails.filter((_, position) => position % hosts.length === index);
        const store = stores[index];
        if (store === undefined) throw new Error('a host without a store');
        return playHost(host, store, share, users, seededRandom(options.seed + index + 1), ledger);
      }),
    ).finally(async () => {
      await Promise.all(hunters.map((hunter) => hunter.stop()));
    });
    const [reports] = await Promise.all([lives, meanwhile]);
    say('Waiting until both hosts are equal ...');
    const compared = await compareUntilEqual(stores, users, 60_000 + mails.length * 100);
    return {
      delivered: reports.reduce((sum, report) => sum + report.delivered, 0),
      refused: reports.flatMap((report) => report.refused),
      actions: addUp(reports.map((report) => report.actions)),
      kills: hunters.reduce((sum, hunter) => sum + hunter.kills, 0),
      ...readLogs(hosts),
      compared,
      ...(await auditBodies(stores, users, mails, ledger)),
    };
  } finally {
    await Promise.all(stores.map((store) => store.close()));
  }
}

function* samples(random: Random): Iterable<SourceMail> {
  for (let number = 1; number <= sampleCount; number++) yield sampleMail(random, number);
}

/** As many mails as fit into memory. */
async function collect(
  source: AsyncIterable<SourceMail>,
  say: (text: string) => void,
): Promise<SourceMail[]> {
  const list: SourceMail[] = [];
  let bytes = 0;
  for await (const mail of source) {
    bytes += mail.body.length;
    if (bytes > mailBytesMax) {
      say(`Only the first ${list.length} mails are taken: more than ${mailBytesMax / 2 ** 20} MB.`);
      return list;
    }
    list.push(mail);
  }
  return list;
}

async function compareUntilEqual(
  stores: readonly MailStore[],
  users: readonly UserName[],
  timeoutMs: number,
): Promise<readonly ComparedMailbox[]> {
  let compared: readonly ComparedMailbox[] = [];
  const look = async (withBodies: boolean): Promise<boolean> => {
    const next = await compareAll(stores, users, withBodies).catch(unlessVanished);
    compared = next ?? compared;
    return next?.every((mailbox) => mailbox.isEqual) === true;
  };
  try {
    await until('both hosts are equal', async () => (await look(false)) && look(true), {
      timeoutMs,
      everyMs: 100,
    });
  } catch (error) {
    // The report shows what differs.
    if (!(error instanceof NotInTime)) throw error;
  }
  return compared;
}

/** A sync may delete a mailbox while it is listed: then they are not equal yet. */
function unlessVanished(error: unknown): undefined {
  if (!(error instanceof DsyncdError) || error.code !== 'DSYNCD_STORE_NO_MAILBOX') throw error;
}

async function compareAll(
  stores: readonly MailStore[],
  users: readonly UserName[],
  withBodies: boolean,
): Promise<readonly ComparedMailbox[]> {
  const compared: ComparedMailbox[] = [];
  const [a, b] = stores;
  if (a === undefined || b === undefined) throw new Error('two hosts are needed');
  for (const user of users) {
    const snapshots = [
      await snapshotUser(a, user, { withBodies }),
      await snapshotUser(b, user, { withBodies }),
    ] as const;
    compared.push(...compareSnapshots(user, ...snapshots));
  }
  return compared;
}

/** Every body on host A (B is equal) must be one that was sent, byte for byte, and none may be missing. */
async function auditBodies(
  stores: readonly MailStore[],
  users: readonly UserName[],
  mails: readonly SourceMail[],
  ledger: Ledger,
): Promise<Pick<DemoResult, 'damaged' | 'lost' | 'doubled'>> {
  const hashOf = (mail: SourceMail): string => createHash('sha256').update(asSent(mail.body)).digest('hex');
  const names = new Map(mails.map((mail) => [hashOf(mail), mail.name]));
  const damaged: string[] = [];
  const lost: string[] = [];
  const doubled: string[] = [];
  const [store] = stores;
  if (store === undefined) throw new Error('no host');
  for (const user of users) {
    const present = new Map<string, number>();
    const { mailboxes } = await snapshotUser(store, user, { withBodies: true });
    for (const [path, mailbox] of mailboxes)
      for (const line of mailbox.mails) {
        const hash = line.slice(line.lastIndexOf(' ') + 1);
        present.set(hash, (present.get(hash) ?? 0) + 1);
        if (!names.has(hash)) damaged.push(`${user} ${path} ${line}`);
      }
    const audit = ledger.audit(user, present);
    const nameOf = (hash: string): string => `${user} ${names.get(hash) ?? hash}`;
    lost.push(...audit.lost.map(nameOf));
    doubled.push(...audit.doubled.map(nameOf));
  }
  return { damaged, lost, doubled };
}

function readLogs(hosts: readonly Host[]): Pick<DemoResult, 'syncs' | 'conflicts' | 'lagsMs'> {
  const syncs = new Map<string, number>();
  const conflicts: string[] = [];
  const lagsMs: number[] = [];
  for (const host of hosts) {
    for (const line of host.replicators.flatMap(({ log }) => log)) {
      if (typeof line.outcome === 'string') syncs.set(line.outcome, (syncs.get(line.outcome) ?? 0) + 1);
      if (typeof line.conflict === 'string') conflicts.push(`${line.user}: ${line.conflict}`);
      if (line.outcome === 'ok' && line.priority === 'high' && typeof line.lagMs === 'number')
        lagsMs.push(line.lagMs);
    }
  }
  return { syncs, conflicts, lagsMs };
}

function addUp(maps: readonly ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const sum = new Map<string, number>();
  for (const map of maps) for (const [key, count] of map) sum.set(key, (sum.get(key) ?? 0) + count);
  return sum;
}

/** Lets mail come in and change until the demonstration is interrupted, so that there is something to see. */
async function keepGoing(hosts: readonly Host[], seed: number, say: (text: string) => void): Promise<void> {
  const interrupted = untilInterrupted();
  // The one that was killed stayed dead until here.
  await Promise.all(hosts.map((host) => host.start()));
  const life = new GentleLife(hosts, userNames.map(parseUserName), seed);
  explainHowToLook(hosts, say);
  await interrupted;
  say('Stopping ...');
  await life.stop();
}

function explainHowToLook(hosts: readonly Host[], say: (text: string) => void): void {
  say('\nThe hosts go on, and mail keeps coming in. Watch it in a browser:');
  for (const { hostname, http } of hosts) say(`  ${http.url}/#token=${http.token}   ${hostname}`);
  say('and from another terminal:');
  for (const { configFile } of hosts) {
    const adm = `node build/dsyncadm.js -c ${configFile}`;
    say(`  ${adm} replicator status '*'`);
    say(`  ${adm} mailbox list -u ${userNames[0]}`);
  }
  say('Ctrl-C ends them and removes the folder.');
}

const untilInterrupted = async (): Promise<void> =>
  new Promise((resolve) => {
    // Signals alone do not keep the process alive.
    const keepAlive = setInterval(() => {}, 1 << 30);
    const end = (): void => {
      clearInterval(keepAlive);
      resolve();
    };
    process.once('SIGINT', end);
    process.once('SIGTERM', end);
  });
