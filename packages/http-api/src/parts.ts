import type { ChangeFeed, ConsumerStatus } from '@dsyncd/changes';
import type { Clock, Logger, UserName } from '@dsyncd/core';
import type { NotifySink } from '@dsyncd/notify';
import type { SocketAccess } from '@dsyncd/process';
import type { FleetView, ReplicationQueue } from '@dsyncd/queue';
import type { Channel, EndedSync, HostProblem, RunningProgress } from '@dsyncd/replicator';
import type { DeliveriesReading, SourceReading } from '@dsyncd/telemetry';
import type { FastifyPluginCallback } from 'fastify';
import type { Tokens } from './access.ts';

/** A plugin for Fastify with the pages, to be registered under their path. */
export interface QueueBoard {
  readonly plugin: FastifyPluginCallback;
  close(): Promise<void>;
}

/** What the API shows and works on. */
export interface HttpApiParts {
  readonly queue: ReplicationQueue;
  /** Missing: the queue is this host's alone. */
  readonly fleet?: FleetView;
  /** A page that shows the queues as they are in Redis, made for that path; see `/queues`. */
  readonly board?: (path: string) => Promise<QueueBoard>;
  readonly sink: NotifySink;
  /** Missing: nobody keeps who changed. */
  readonly feed?: ChangeFeed;
  /** Missing: there are none. */
  readonly consumers?: () => Promise<readonly ConsumerStatus[]>;
  readonly channels: () => readonly Channel[];
  /** Users of the mail store that a mask matches, to make them known. */
  readonly users: (mask: string) => AsyncIterable<UserName>;
  readonly connsMax: () => number;
  /** `/failover` agrees while no user is behind by more than this. */
  readonly failoverMaxLagMs: () => number;
  /** Ways in which notifications come, the API itself not among them. */
  readonly sources: () => readonly SourceReading[];
  /** Deliveries that are refused until the replica has them; undefined, or missing: no channel requires that. */
  readonly deliveries?: () => Promise<DeliveriesReading | undefined>;
  /** What is wrong with the host itself. */
  readonly problems: () => readonly HostProblem[];
  /** What a running sync has moved by now. Missing: nobody counts. */
  readonly progressOf?: RunningProgress['of'];
  /** About how long the first syncs of a channel take yet, in milliseconds. Missing: nobody guesses. */
  readonly firstSyncsLeftMs?: (channel: string) => number | undefined;
  /** Where what the charts show is kept; missing: in memory, until the end of the program. */
  readonly historyFolder?: string;
  /** Everything is started and nothing is being stopped. */
  readonly isReady: () => boolean;
  readonly hostname: () => string;
  readonly version: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface PortPlace {
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
}

export interface SocketPlace {
  readonly path: string;
  /** @defaultValue mode 0o600 */
  readonly access?: SocketAccess;
}

/** Where the API listens. */
export type HttpPlace = PortPlace | SocketPlace;

export interface TlsFiles {
  /** PEM: the certificate with its chain, and its key. */
  readonly cert: string;
  readonly key: string;
}

export type HttpApiOptions = HttpApiParts &
  HttpPlace & {
    readonly tokens: Tokens;
    readonly tls?: TlsFiles;
    /** Folder of the dashboard's files, served at `/`. */
    readonly dashboardFolder?: string;
    /** A request must have arrived whole within this time. @defaultValue 30,000 */
    readonly requestTimeoutMs?: number;
  };

export interface HttpApi {
  /** `http://127.0.0.1:8080`, or `unix:` and the path. */
  readonly url: string;
  /** To be called for each sync: counts it, shows it. */
  syncEnded(sync: EndedSync): void;
  /** Takes over new tokens and certificates; where it listens stays. */
  reload(settings: { readonly tokens: Tokens; readonly tls?: TlsFiles }): void;
  /** Answers what is under way and ends the event streams. */
  close(): Promise<void>;
}
