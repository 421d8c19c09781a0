import { readFile } from 'node:fs/promises';
import { type Config, planPeer } from '@dsyncd/config';
import type { Logger } from '@dsyncd/core';
import { createPeer, type Peer } from '@dsyncd/transport';

interface Kept {
  readonly peer: Peer;
  /** Changes with anything that the peer was made from. */
  readonly fingerprint: string;
}

/** The peers of all channels, kept in step with the configuration. */
export class Peers {
  readonly #logger: Logger;
  #peers = new Map<string, Kept>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  get(channel: string): Peer | undefined {
    return this.#peers.get(channel)?.peer;
  }

  /**
   * Makes peers for new and changed channels and closes those of old ones.
   * @throws {DsyncdError} for a secret or a destination that cannot be used; nothing is changed then.
   */
  async configure(config: Config): Promise<void> {
    const plans = await Promise.all(config.channels.map((channel) => planPeer(config, channel)));
    const files = await Promise.all(Object.values(config.ssl).map(contentOf));
    const next = new Map<string, Kept>();
    for (const [index, { name }] of config.channels.entries()) {
      const plan = plans[index];
      if (plan === undefined) continue;
      const fingerprint = JSON.stringify([plan, files]);
      const present = this.#peers.get(name);
      if (present?.fingerprint === fingerprint) next.set(name, present);
      else {
        const settings = { ...plan.settings, logger: this.#logger };
        next.set(name, { peer: createPeer(plan.destination, settings), fingerprint });
      }
    }
    const old = [...this.#peers.values()].filter((kept) => ![...next.values()].includes(kept));
    this.#peers = next;
    await Promise.all(old.map(({ peer }) => peer.close()));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#peers.values()].map(({ peer }) => peer.close()));
  }
}

/** A file that cannot be read is told by whoever needs it. */
const contentOf = async (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');
