import { type Config, readSecret } from '@dsyncd/config';
import { type Destination, DsyncdError, parseDestination } from '@dsyncd/core';
import type { PeerSettings } from '@dsyncd/transport';

export interface PeerPlan {
  readonly destination: Destination;
  readonly settings: PeerSettings;
}

/** What of a channel, or of a command line, says how to reach a peer. */
export interface PeerWish {
  readonly mailReplica: string;
  readonly doveadmPort: number;
  readonly doveadmPasswordFile?: string;
}

/**
 * Everything that is needed to reach a peer; secrets and certificates are read now.
 * @throws {DsyncdError} for a destination or a secret that cannot be used.
 */
export async function planPeer(config: Config, wish: PeerWish): Promise<PeerPlan> {
  const destination = parseDestination(wish.mailReplica, { doveadmPort: wish.doveadmPort });
  const { ssl, ssh, replicationMaxConns } = config;
  return {
    destination,
    settings: {
      idleConnectionsMax: replicationMaxConns,
      ...(await secretOf(config, wish, destination)),
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
  { mailReplica, doveadmPasswordFile }: PeerWish,
  { kind }: Destination,
): Promise<Pick<PeerSettings, 'secret' | 'secretSource'>> {
  if (doveadmPasswordFile !== undefined)
    return { secret: await readSecret(doveadmPasswordFile), secretSource: doveadmPasswordFile };
  if (kind !== 'tcp') return {};
  throw new DsyncdError('DSYNCD_CONFIG', `${file}: ${mailReplica} needs the secret that both hosts share`, {
    outcome: 'operator',
    hint: 'set doveadm_password_file',
  });
}

/** `command` may be the program alone, or a whole command line with `%{user}` where it is wanted. */
const serverCommand = (command: string, destination: Destination): string => {
  if (command.includes(' ')) return command;
  const takesNameFromStream = destination.kind === 'ssh' && destination.sendsUserName;
  return takesNameFromStream ? `${command} --stdio` : `${command} --stdio -u %{user}`;
};
