import { type Clock, parseUserName, type Random } from '@dsyncd/core';
import { type MailStore, openMemoryStore, type StoreLimits, type UserMail } from '@dsyncd/mailstore';
import { type BrainResult, type DoneBefore, type MasterOptions, runMaster, runSlave } from '../src/index.ts';
import { memoryLinks } from './memory-link.ts';

const user = parseUserName('anna@example.com');

export interface SyncWish {
  readonly type?: MasterOptions['syncType'];
  /** Cut the connection after so many reads of either side. */
  readonly cutAfter?: number;
  readonly forgetState?: boolean;
  readonly damageState?: boolean;
  readonly oneWay?: MasterOptions['oneWay'];
}

/** One host with one user; keeps the states of its own syncs by peer. */
export class SimHost {
  readonly name: string;
  readonly store: MailStore;
  readonly states = new Map<string, string>();
  /** What syncs that were cut had done, for the next one alike. */
  readonly unfinished = new Map<string, DoneBefore>();
  mail!: UserMail;

  constructor(name: string, parts: Parameters<typeof openMemoryStore>[0]) {
    this.name = name;
    this.store = openMemoryStore(parts);
  }

  async open(): Promise<void> {
    this.mail = await this.store.open(user, { create: true });
  }
}

export class World {
  readonly hosts: readonly SimHost[];
  nowSeconds = 1_700_000_000;
  #guids = 0;

  /** @param limits - of every host but the first */
  constructor(count: number, limits: Partial<StoreLimits> = {}) {
    const clock: Clock = {
      now: () => this.nowSeconds * 1000,
      elapsed: () => this.nowSeconds * 1000,
      sleep: () => new Promise(() => {}),
      after: () => () => {},
    };
    // GUIDs in no order at all, yet the same in every run.
    const random: Random = {
      fraction: () => 0.5,
      hex: (bytes) =>
        ((++this.#guids * 2654435761) >>> 0)
          .toString(16)
          .padStart(8, '0')
          .repeat(Math.ceil(bytes / 4))
          .slice(0, bytes * 2),
    };
    this.hosts = Array.from(
      { length: count },
      (_, index) => new SimHost(`host${index}`, { clock, random, ...(index === 0 ? {} : { limits }) }),
    );
  }

  async open(): Promise<this> {
    for (const host of this.hosts) await host.open();
    return this;
  }

  host(index: number): SimHost {
    const host = this.hosts[index % this.hosts.length];
    if (host === undefined) throw new Error('no such host');
    return host;
  }

  /** One sync, master's result; undefined when the connection was cut. */
  async sync(master: SimHost, slave: SimHost, wish: SyncWish = {}): Promise<BrainResult | undefined> {
    const [a, b] = memoryLinks();
    if (wish.cutAfter !== undefined) {
      a.cutAfter = wish.cutAfter;
      a.other = b;
    }
    if (wish.forgetState === true) master.states.delete(slave.name);
    const stored = master.states.get(slave.name);
    const state = wish.damageState === true && stored !== undefined ? `${stored.slice(0, -6)}AAAAAA` : stored;
    const common = { lockTimeoutMs: 1000 };
    const tries = `${slave.name} ${wish.type ?? 'incremental'} ${state ?? ''}`;
    const doneBefore: DoneBefore = master.unfinished.get(tries) ?? new Map();
    master.unfinished.clear();
    master.unfinished.set(tries, doneBefore);
    const leading = runMaster({
      ...common,
      user: master.mail,
      link: a,
      hostname: master.name,
      syncType: wish.type ?? 'incremental',
      state,
      oneWay: wish.oneWay,
      ...(wish.oneWay === undefined ? { doneBefore } : {}),
    });
    const following = runSlave({ ...common, user: slave.mail, link: b, hostname: slave.name });
    const [led, followed] = await Promise.allSettled([
      leading.finally(() => a.end()),
      following.finally(() => b.end()),
    ]);
    if (led.status === 'rejected' || followed.status === 'rejected') {
      if (wish.cutAfter === undefined)
        throw led.status === 'rejected' ? led.reason : (followed as PromiseRejectedResult).reason;
      if (led.status === 'rejected') return undefined;
    }
    master.states.set(slave.name, led.value.state);
    master.unfinished.clear();
    return led.value;
  }

  /** Syncs every pair both ways round until nothing more changes; answers the number of rounds. */
  async settle(roundsMax = 12): Promise<number> {
    for (let round = 1; round <= roundsMax; round++) {
      const before = await Promise.all(this.hosts.map((host) => fingerprint(host.mail)));
      for (const master of this.hosts)
        for (const slave of this.hosts) if (master !== slave) await this.sync(master, slave);
      const after = await Promise.all(this.hosts.map((host) => fingerprint(host.mail)));
      if (before.every((text, index) => text === after[index])) return round;
    }
    throw new Error(`not settled after ${roundsMax} rounds`);
  }
}

/** Changes whenever anything in the user's mail does. */
async function fingerprint(mail: UserMail): Promise<string> {
  return JSON.stringify(await mail.tree());
}

/** Everything that a user can see, without what only the host itself cares about. */
export async function visible(mail: UserMail): Promise<unknown> {
  const tree = await mail.tree();
  const nodes = [];
  for (const node of tree.nodes) {
    if (!node.exists && !node.subscribed) continue;
    const mails = [];
    const attributes = [];
    if (node.mailbox !== undefined) {
      const mailbox = await mail.mailbox(node.mailbox.guid);
      for (const record of await mailbox.mails(1 as never, 1_000_000)) {
        const { uid, guid, flags, keywords, receivedAt } = record;
        const parts: Uint8Array[] = [];
        for await (const part of await mailbox.body(uid)) parts.push(part);
        mails.push({
          uid,
          guid,
          flags,
          keywords: keywords.toSorted(),
          receivedAt,
          body: Buffer.concat(parts).toString(),
        });
      }
      for (const { type, key, value } of await mailbox.attributes(0 as never))
        if (value !== undefined) attributes.push({ type, key, value });
    }
    nodes.push({
      path: node.path.join('/'),
      exists: node.exists,
      guid: node.mailbox?.guid,
      uidValidity: node.mailbox?.uidValidity,
      uidNext: node.mailbox?.uidNext,
      subscribed: node.subscribed,
      mails,
      attributes: attributes.toSorted((x, y) => (x.key < y.key ? -1 : 1)),
    });
  }
  return nodes;
}
