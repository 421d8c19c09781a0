import { type Destination, DsyncdError, parseDestination } from '@dsyncd/core';
import type { Config } from './config.ts';
import { readSecret } from './secret.ts';

/** Everything that is needed to reach a peer, as `createPeer` of the transport takes it. */
export interface PeerPlan {
  readonly destination: Destination;
  readonly settings: {
    readonly secret?: string;
    readonly secretSource?: string;
    readonly idleConnectionsMax: number;
    readonly tls: { readonly caFile?: string; readonly certFile?: string; readonly keyFile?: string };
    readonly ssh: {
      readonly keyFile: string | undefined;
      readonly agentSocket: string | undefined;
      readonly knownHostsFiles: readonly string[] | undefined;
      readonly command: string;
    };
  };
}

/** The replica that a channel, or a command line, names. */
export interface PeerAddress {
  readonly mailReplica: string;
  readonly doveadmPort: number;
  readonly doveadmPasswordFile?: string;
}

/**
 * Plans the way to a peer; secrets are read now.
 * @throws {DsyncdError} for a destination or a secret that cannot be used.
 */
export async function planPeer(config: Config, replica: PeerAddress): Promise<PeerPlan> {
  const destination = parseDestination(replica.mailReplica, { doveadmPort: replica.doveadmPort });
  const { ssl, ssh, replicationMaxConns } = config;
  return {
    destination,
    settings: {
      idleConnectionsMax: replicationMaxConns,
      ...(await secretOf(config, replica, destination)),
      tls: {
        caFile: ssl.clientCaFile,
        certFile: ssl.clientCertFile,
        keyFile: ssl.clientKeyFile,
      },
      ssh: {
        keyFile: ssh.keyFile,
        agentSocket: ssh.agent,
        knownHostsFiles: ssh.knownHostsFile === undefined ? undefined : [ssh.knownHostsFile],
        command: serverCommand(ssh.command, destination),
      },
    },
  };
}

async function secretOf(
  { file }: Config,
  { mailReplica, doveadmPasswordFile }: PeerAddress,
  { kind }: Destination,
): Promise<Pick<PeerPlan['settings'], 'secret' | 'secretSource'>> {
  if (doveadmPasswordFile !== undefined)
    return { secret: await readSecret(doveadmPasswordFile), secretSource: doveadmPasswordFile };
  if (kind !== 'tcp') return {};
  throw new DsyncdError('DSYNCD_CONFIG', `${file}: ${mailReplica} needs the secret that both hosts share`, {
    outcome: 'operator',
    hint: 'set doveadm_password_file',
  });
}

/** `command` is the program alone, or a whole command line with `%{user}` where the name belongs. */
const serverCommand = (command: string, destination: Destination): string => {
  if (command.includes(' ')) return command;
  const takesNameFromStream = destination.kind === 'ssh' && destination.sendsUserName;
  return takesNameFromStream ? `${command} --stdio` : `${command} --stdio -u %{user}`;
};
