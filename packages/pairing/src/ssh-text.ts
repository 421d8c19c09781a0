import { bracketed, type HostFacts, type SshFacts } from './messages.ts';
import type { Place } from './place.ts';

/** What a host with `--ssh` has beside its facts: secret, or of no use to the other host. */
export interface SshInput {
  /** To log in to the other host with; its public part is in the facts. */
  readonly privateKey: string;
  /** Command line that answers a sync on standard input and output. */
  readonly command: string;
}

/** True when the two hosts log in to each other. */
export const usesSsh = (own: HostFacts, peer: HostFacts): boolean =>
  own.ssh !== undefined && peer.ssh !== undefined;

/** `mail_replica` for the other host. */
export const sshReplicaOf = ({ login, port }: SshFacts, { address }: HostFacts): string =>
  `remoteprefix:${login}@${bracketed(address)}${port === 22 ? '' : `:${port}`}`;

/** Nobody else is let in under the name of the other host, whatever happens to the network. */
export function knownHostsText({ address, ssh }: HostFacts): string {
  const host = ssh?.port === 22 ? address : `[${address}]:${ssh?.port}`;
  return (ssh?.hostKeys ?? []).map((key) => `${host} ${key}\n`).join('');
}

/** The key of the other host starts this one command, and gets no terminal and no forwarding. */
export const authorizedKeysText = ({ hostname, ssh }: HostFacts, { command }: SshInput): string =>
  `restrict,command="${command.replaceAll('"', '\\"')}" ${ssh?.loginKey} dsyncd@${hostname}\n`;

/** Keys that the user has by itself stay good. */
export const sshdText = ({ ssh }: HostFacts, { files }: Place): string =>
  [
    '# Made by `dsyncadm pair`: the other host logs in with a key that may run one command only.',
    `Match User ${ssh?.login}`,
    `    AuthorizedKeysFile .ssh/authorized_keys ${files.authorizedKeys}`,
    '    PubkeyAuthentication yes\n',
  ].join('\n');
