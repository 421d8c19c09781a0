import type { Random } from '@dsyncd/core';
import { ImapRefusal } from '../imap-client.ts';
import { compareSnapshots, type MailSnapshot } from '../scenario/compare.ts';
import { NotInTime, seededRandom, until } from '../until.ts';
import { doStormDeed } from './storm-actions.ts';
import type { StormHost, StormMail } from './storm-host.ts';
import { StormLedger } from './storm-ledger.ts';

export interface StormOptions {
  readonly hosts: readonly StormHost[];
  readonly users: readonly string[];
  /** The same seed makes the same choices; how they meet on the hosts is up to the machine. */
  readonly seed: number;
  readonly seconds: number;
  /** Programs are killed meanwhile. */
  readonly hasKills?: boolean;
  /** Names of mailboxes differ from host to host. */
  readonly ownNames?: boolean;
  /** Of the storms before over the same mail. */
  readonly ledger?: StormLedger;
  readonly say?: (line: string) => void;
}

export interface StormReport {
  readonly mails: number;
  readonly actions: Readonly<Record<string, number>>;
  readonly kills: number;
  /** From the last change until every host said so for good; undefined: never. */
  readonly secondsUntilReplicated: number | undefined;
  /** What must not be, a line each. */
  readonly flaws: readonly string[];
}

/** A program that people use for a while, and start again. */
const actionsPerSession = 40;
const mailShare = 0.25;
/** A full sync that is to prove both sides equal waits for a pause, too. */
const quietMs = 12_000;

/** Lets people and senders change mail on all hosts at once, and checks what the hosts make of it. */
export async function runStorm(options: StormOptions): Promise<StormReport> {
  const { hosts, users, seed, seconds, say = () => {} } = options;
  const ledger = options.ledger ?? new StormLedger();
  const actions: Record<string, number> = {};
  const endsAt = Date.now() + seconds * 1000;
  const isOver = (): boolean => Date.now() >= endsAt;
  const lives = hosts.flatMap((host, index) =>
    users.map((user, number) => {
      const random = seededRandom(seed * 1000 + index * 100 + number);
      const prefix = options.ownNames === true ? `${host.name}-` : '';
      return live({ host, user, random, ledger, prefix, actions, isOver });
    }),
  );
  const kills = options.hasKills === true ? hunt(hosts, seededRandom(seed), isOver, say) : Promise.resolve(0);
  await Promise.all(lives);
  const killCount = await kills;
  say(
    `${ledger.size} mails, ${JSON.stringify(actions)}, ${killCount} kills; waiting until all is replicated`,
  );
  const secondsUntilReplicated = await settle(options);
  const flaws = await findFlaws(options, ledger);
  return { mails: ledger.size, actions, kills: killCount, secondsUntilReplicated, flaws };
}

interface Life {
  readonly host: StormHost;
  readonly user: string;
  readonly random: Random;
  readonly ledger: StormLedger;
  readonly prefix: string;
  readonly actions: Record<string, number>;
  readonly isOver: () => boolean;
}

async function live(life: Life): Promise<void> {
  const { host, user, random, ledger, prefix, actions, isOver } = life;
  let mail: StormMail | undefined;
  let left = 0;
  while (!isOver()) {
    await pause(random.fraction() * 60);
    if (random.fraction() < mailShare) {
      await deliver(life);
      continue;
    }
    try {
      if (mail === undefined || left-- <= 0) {
        await mail?.close();
        mail = await host.open(user);
        left = actionsPerSession;
      }
      const name = await doStormDeed({ mail, random, ledger, prefix });
      if (name !== undefined) actions[name] = (actions[name] ?? 0) + 1;
    } catch (error) {
      // Another one was faster, or the program was killed: as in life.
      if (!isRefusal(error)) mail = undefined;
      actions.refused = (actions.refused ?? 0) + 1;
    }
  }
  await mail?.close().catch(() => {});
}

const isRefusal = (error: unknown): boolean => error instanceof ImapRefusal;

let mailNumber = 0;

async function deliver({ host, user, random, ledger }: Life): Promise<void> {
  const messageId = `<${host.name}.${++mailNumber}.${random.hex(6)}@storm.test>`;
  const text = random.hex(20 + Math.floor(random.fraction() * 600));
  const head = `From: a@storm.test\r\nSubject: mail ${mailNumber}\r\nMessage-ID: ${messageId}\r\n`;
  const body = Buffer.from(`${head}Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n\r\n${text}\r\n`);
  ledger.delivering(user, messageId);
  if (await host.deliver(user, body).catch(() => false)) ledger.acknowledged(messageId);
}

async function hunt(
  hosts: readonly StormHost[],
  random: Random,
  isOver: () => boolean,
  say: (line: string) => void,
): Promise<number> {
  let count = 0;
  while (!isOver()) {
    await pause(500 + random.fraction() * 4_000);
    const host = hosts[Math.floor(random.fraction() * hosts.length)];
    const kills = Object.entries(host?.kills ?? {});
    const [name, kill] = kills[Math.floor(random.fraction() * kills.length)] ?? [];
    if (kill === undefined) continue;
    say(`kill -9 ${name} of ${host?.name}`);
    await kill();
    count++;
  }
  return count;
}

/** Answers seconds until all hosts said "replicated" and went on saying so; undefined when that did not come to be. */
async function settle(options: StormOptions): Promise<number | undefined> {
  const { hosts, users, hasKills } = options;
  // A user whose syncs were killed many times in a row is tried again after five minutes.
  const timeoutMs = hasKills === true ? 600_000 : 180_000;
  const startedAt = Date.now();
  let quietSince = Date.now();
  try {
    await until(
      'every host says replicated',
      async () => {
        const said = await Promise.all(hosts.map((host) => host.saysReplicated(users).catch(() => false)));
        if (said.includes(false)) quietSince = Date.now();
        return Date.now() - quietSince >= quietMs;
      },
      { timeoutMs, everyMs: 250 },
    );
  } catch (error) {
    if (error instanceof NotInTime) return undefined;
    throw error;
  }
  return (quietSince - startedAt) / 1000;
}

async function findFlaws({ hosts, users }: StormOptions, ledger: StormLedger): Promise<readonly string[]> {
  const flaws: string[] = [];
  const [first, ...others] = hosts;
  if (first === undefined) return flaws;
  for (const user of users) {
    const expected = await first.list(user);
    const reported = hosts.map((host) => host.reported(user)).join('\n');
    for (const name of temporaryNames(expected))
      if (!reported.includes(`mailbox ${name} `)) flaws.push(`left and not reported: ${user} ${name}`);
    for (const other of others)
      flaws.push(...differences(user, other.name, expected, await other.list(user)));
    flaws.push(...ledger.flaws(user, await first.mails(user)));
  }
  return flaws;
}

/** Such a name is given by dsync where two mailboxes wanted the same one; a person has to hear of it. */
const temporaryNames = ({ mailboxes }: MailSnapshot): readonly string[] =>
  [...mailboxes.keys()].filter((name) => /-temp-/.test(name));

const differences = (user: string, other: string, a: MailSnapshot, b: MailSnapshot): readonly string[] =>
  compareSnapshots(user, a, b)
    .filter(({ isEqual }) => !isEqual)
    .map(({ mailbox, difference }) => `differs on ${other}: ${user} ${mailbox}: ${difference}`);

const pause = async (ms: number): Promise<void> => {
  await new Promise((wake) => setTimeout(wake, ms));
};
