import { readSecret } from '@dsyncd/config';
import { messageOf } from '@dsyncd/core';
import { doveadmClientVersion, encodePlainLogin, readLine } from '@dsyncd/protocol';
import { StreamLink } from '@dsyncd/transport';
import type { HostCheck } from '../check.ts';
import { type Finding, NotCheckable, ok, problem, warning } from '../finding.ts';
import { connectPlain, connectUnjudged, type OwnPort, ownDoveadmPorts } from '../listener-probe.ts';
import type { Scene } from '../scene.ts';

const lineBytesMax = 1024;
const stallTimeoutMs = 10_000;

/** Would the other host be let in here, with the secret that we know? */
export const ownListener: HostCheck = {
  name: 'own-listener',
  async run(scene) {
    const ports = await ownDoveadmPorts(scene);
    const isDovecot = scene.config.mailEngine === 'dovecot';
    if (isDovecot) await scene.doveconf();
    if (ports.length === 0)
      return scene.config.channels.every(({ mailReplica }) => mailReplica.startsWith('remote'))
        ? undefined
        : warning(
            'this host listens on no port for syncs: the other one can come by SSH only',
            isDovecot
              ? 'add an inet_listener to service doveadm (deploy/), the port of mail_replica on the other host'
              : 'add [listeners.doveadm] and start dsync-server, unless the other host comes by SSH',
          );
    const { doveadmPasswordFile } = scene.config;
    if (doveadmPasswordFile === undefined) throw new NotCheckable('doveadm_password_file is not set');
    const secret = await readSecret(doveadmPasswordFile);
    for (const port of ports) {
      const wrong = await tryLogin(scene, port, secret, isDovecot);
      if (wrong !== undefined) return wrong;
    }
    return ok(
      `port ${ports.map(({ port, tls }) => `${port}${tls ? ' (TLS)' : ''}`).join(', ')} accepts clients that have the secret`,
    );
  },
};

async function tryLogin(
  { config, clock, signal }: Scene,
  { address: host, port, tls }: OwnPort,
  secret: string,
  isDovecot: boolean,
): Promise<Finding | undefined> {
  const service = isDovecot ? 'the doveadm service of Dovecot' : 'dsync-server';
  const name = `${host}:${port}`;
  try {
    const socket = tls
      ? await connectUnjudged({ host, port }, config.ssl, signal)
      : await connectPlain({ host, port }, signal);
    const link = new StreamLink(socket, socket, { peerName: name, stallTimeoutMs, clock });
    try {
      await link.write(doveadmClientVersion);
      const greeting = await readLine(link, lineBytesMax);
      if (greeting !== '-')
        return problem(
          `${name} greets with ${JSON.stringify(greeting ?? '')}, not as ${service}`,
          `see what has that port: ss -ltnp sport = :${port}`,
        );
      await link.write(encodePlainLogin(secret));
      if ((await readLine(link, lineBytesMax)) === '+') return undefined;
    } finally {
      link.close();
    }
    return problem(
      `${service} on ${name} does not take our secret: the other host is turned away`,
      isDovecot
        ? 'doveadm_password_file must hold the doveadm_password of Dovecot; doveadm reload after a change'
        : 'reload dsync-server, so that it reads doveadm_password_file again',
    );
  } catch (error) {
    return problem(
      `${service} does not answer on ${name}: ${messageOf(error)}`,
      isDovecot
        ? 'start Dovecot, and see its log'
        : 'start dsync-server (`systemctl start dsync-server`), and see its log',
    );
  }
}
