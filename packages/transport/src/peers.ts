import type { Destination, Logger } from '@dsyncd/core';
import { createPeer, type PeerSettings } from './create-peer.ts';
import type { Peer } from './port.ts';

/** Plain data, from which a peer is made: it is made anew when anything in it has changed. */
export interface PlannedPeer {
  readonly destination: Destination;
  readonly settings: Omit<PeerSettings, 'logger' | 'clock'>;
  /** Content of the certificates and keys that the settings name. */
  readonly files: readonly string[];
}

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

  /** Makes peers for new and changed channels and closes those of old ones; a peer that stays keeps its connections. */
  async configure(plans: ReadonlyMap<string, PlannedPeer>): Promise<void> {
    const next = new Map<string, Kept>();
    for (const [channel, plan] of plans) next.set(channel, this.#keepOrMake(channel, plan));
    const staying = new Set(next.values());
    const old = [...this.#peers.values()].filter((kept) => !staying.has(kept));
    this.#peers = next;
    await Promise.all(old.map(({ peer }) => peer.close()));
  }

  #keepOrMake(channel: string, plan: PlannedPeer): Kept {
    const fingerprint = JSON.stringify(plan);
    const present = this.#peers.get(channel);
    if (present?.fingerprint === fingerprint) return present;
    const settings = { ...plan.settings, logger: this.#logger };
    return { peer: createPeer(plan.destination, settings), fingerprint };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#peers.values()].map(({ peer }) => peer.close()));
  }
}
