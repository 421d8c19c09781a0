import { type Clock, type Destination, type Logger, silentLogger, systemClock } from '@dsyncd/core';
import { DoveadmPeer } from './doveadm/doveadm-peer.ts';
import { CommandPeer } from './link/command-peer.ts';
import type { Peer } from './port.ts';
import { defaultKnownHostsFiles, type SshSettings } from './ssh/ssh-login.ts';
import { SshPeer } from './ssh/ssh-peer.ts';
import type { ClientTlsSettings } from './tls/client-tls.ts';

/** Everything but the secret has a default. */
export interface PeerSettings {
  /** The secret shared with the peer, for `tcp:`, `tcps:` and `unix:`. */
  readonly secret?: string;
  /** The file that the secret was read from, for hints. */
  readonly secretSource?: string;
  readonly tls?: ClientTlsSettings;
  /** For `remote:` and `remoteprefix:`; a key file or an agent is needed. */
  readonly ssh?: Partial<SshSettings>;
  /** From the start of connecting to the end of the login. Default 10 s. */
  readonly connectTimeoutMs?: number;
  /** A peer from which nothing comes for so long while we wait for it is dropped. Default 60 s. */
  readonly stallTimeoutMs?: number;
  /** Connections kept open between syncs. Default 10. */
  readonly idleConnectionsMax?: number;
  /** Must be shorter than the server's. Default 60 s. */
  readonly idleTimeoutMs?: number;
  readonly logger?: Logger;
  readonly clock?: Clock;
}

const defaults = {
  secretSource: 'doveadm_password_file',
  tls: {},
  connectTimeoutMs: 10_000,
  stallTimeoutMs: 60_000,
  idleConnectionsMax: 10,
  idleTimeoutMs: 60_000,
  logger: silentLogger,
  clock: systemClock,
};

/** The way to the host that `destination` names. Connects when first asked for a sync. */
export function createPeer(destination: Destination, settings: PeerSettings): Peer {
  const common = { ...defaults, ...settings };
  switch (destination.kind) {
    case 'tcp':
    case 'unix':
      return new DoveadmPeer(destination, { ...common, secret: settings.secret });
    case 'command':
      return new CommandPeer(destination, common);
    case 'ssh':
      return new SshPeer(destination, {
        ...common,
        ssh: {
          keyFile: settings.ssh?.keyFile,
          agentSocket: settings.ssh?.agentSocket,
          knownHostsFiles: settings.ssh?.knownHostsFiles ?? defaultKnownHostsFiles,
          command: settings.ssh?.command,
        },
      });
  }
}
