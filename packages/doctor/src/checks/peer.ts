import { lookup } from 'node:dns/promises';
import { networkInterfaces } from 'node:os';
import type { ChannelConfig } from '@dsyncd/config';
import { DsyncdError, parseDestination } from '@dsyncd/core';
import type { ChannelCheck } from '../check.ts';
import { NotCheckable, ok, problem, problemOf, warning } from '../finding.ts';
import { ownDoveadmPorts } from '../listener-probe.ts';
import type { Scene } from '../scene.ts';

/** Does the channel lead to another host? */
export const notOurselves: ChannelCheck = {
  name: 'not-ourselves',
  async run(scene, channel) {
    const destination = parseDestination(channel.mailReplica, { doveadmPort: channel.doveadmPort });
    if (destination.kind !== 'tcp') return undefined;
    const { host, port } = destination;
    if (!(await isThisHost(host))) return ok(`${host} is another host`);
    const ports = await ownDoveadmPorts(scene);
    if (ports.some((own) => own.port === port))
      return problem(
        `mail_replica ${channel.mailReplica} leads to this host itself`,
        'set mail_replica to the other host, and see that /etc/hosts does not name this one for it',
      );
    return ok(`port ${port} on ${host} is not ours`);
  },
};

/** Does the other end let us in, with this secret and this certificate authority? */
export const peerLogin: ChannelCheck = {
  name: 'peer',
  async run(scene, channel) {
    try {
      const far = await scene.logIn(channel);
      const destination = parseDestination(channel.mailReplica, { doveadmPort: channel.doveadmPort });
      const text = `${destination.name} lets us in (${far.version})`;
      if (destination.kind !== 'tcp' || destination.tls || (await isThisHost(destination.host)))
        return ok(text);
      return warning(
        `${text}, but mail crosses the network in the clear`,
        'use tcps: with ssl = yes for the listener there, or make sure that a VPN lies below',
      );
    } catch (error) {
      if (error instanceof NotCheckable) throw error;
      return problemOf(...reached(error));
    }
  },
};

/** The words for a local Dovecot do not fit a host elsewhere. */
function reached(error: unknown): [unknown, string?] {
  if (!(error instanceof DsyncdError)) return [error];
  if (error.code === 'DSYNCD_SECRET')
    return [
      error,
      'the doveadm_password_file (Dovecot: doveadm_password) of both hosts must hold the same secret; reload the services after a change',
    ];
  if (error.code !== 'DSYNCD_DOVECOT_DOWN' || !(error.cause instanceof Error)) return [error];
  const isCut = error.cause instanceof DsyncdError && error.cause.code === 'DSYNCD_LINK_LOST';
  return [
    error.cause,
    isCut
      ? 'use tcps: when that listener has ssl = yes, tcp: when it has not; the log of the other host says more'
      : 'start the dsync server (Dovecot: the doveadm listener) there; check host, port and firewall',
  ];
}

/** Does the other end replicate to us? */
export const wayBack: ChannelCheck = {
  name: 'way-back',
  async run(scene, channel) {
    const far = await scene.far(channel);
    if (far.kind === 'dovecot')
      throw new NotCheckable('a Dovecot does not say whether a dsyncd runs beside it; run doctor there');
    const { channels, hostname } = await far.about();
    const ports = (await ownDoveadmPorts(scene)).map(({ port }) => port);
    for (const { name, replica } of channels)
      if (await leadsHere(scene, replica, channel, ports))
        return ok(`${hostname} replicates back by its channel ${name}`);
    return warning(
      `${hostname} has no channel to this host${channels.length === 0 ? '' : ` (it has ${channels.map(({ replica }) => replica).join(', ')})`}: what changes there comes here only with our own syncs`,
      'add a channel there with mail_replica to this host; in a chain it is meant like that',
    );
  },
};

async function leadsHere(
  scene: Scene,
  replica: string,
  { doveadmPort }: ChannelConfig,
  ports: readonly number[],
): Promise<boolean> {
  const destination = parseDestination(replica, { doveadmPort });
  if (destination.kind === 'unix' || destination.kind === 'command') return false;
  if (destination.host !== scene.config.hostname && !(await isThisHost(destination.host))) return false;
  return destination.kind === 'ssh' || ports.includes(destination.port);
}

async function isThisHost(host: string): Promise<boolean> {
  const own = ownAddresses();
  const found = await lookup(host, { all: true }).catch(() => []);
  return found.some(({ address }) => own.includes(address));
}

/** None where they cannot be listed: a unit of systemd may keep a program from asking the kernel (no AF_NETLINK). */
function ownAddresses(): readonly string[] {
  try {
    return Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address));
  } catch {
    return [];
  }
}
