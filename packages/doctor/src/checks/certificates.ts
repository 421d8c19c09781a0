import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { PeerCertificate } from 'node:tls';
import { parseDestination } from '@dsyncd/core';
import type { ChannelCheck, HostCheck } from '../check.ts';
import { type Finding, NotCheckable, ok, problem, warning } from '../finding.ts';
import { connectUnjudged, nameProblem, ownDoveadmPorts, type Place } from '../listener-probe.ts';
import type { Scene } from '../scene.ts';

const dayMs = 86_400_000;
const daysLeftWarning = 21;

/** The certificate that the other host sees when it comes to us. */
export const ownCertificate: HostCheck = {
  name: 'certificate',
  async run(scene) {
    const own = (await ownDoveadmPorts(scene)).find(({ tls }) => tls);
    if (own === undefined) return undefined;
    const seen = await see(scene, { host: own.address, port: own.port }).catch(() => {
      throw new NotCheckable('no TLS connection, see "own-listener"');
    });
    const finding = judgeCertificate(seen, scene.clock.now(), 'our certificate');
    if (finding.severity !== 'ok') return finding;
    const names = await namesForUs(scene);
    const wrong = names
      .map((name) => ({ name, why: nameProblem(seen.certificate, name) }))
      .find(({ why }) => why);
    if (wrong === undefined) return finding;
    return warning(
      `our certificate is not for ${wrong.name} (${wrong.why}): the other host would turn away`,
      `get one for ${wrong.name}, or use in mail_replica there a name that it has`,
    );
  },
};

/** The same by its file, without a connection: whether its time is over. */
export const ownCertificateFile: HostCheck = {
  name: 'certificate',
  async run({ config, clock }) {
    const { serverCertFile } = config.ssl;
    if (config.mailEngine !== 'builtin' || serverCertFile === undefined) return undefined;
    const { validTo } = new X509Certificate(await readFile(serverCertFile));
    return judgeTime(validTo, clock.now(), `the certificate ${serverCertFile}`);
  },
};

/** By which names the other ends call us; where none says, by our host name. */
async function namesForUs(scene: Scene): Promise<readonly string[]> {
  const ports = (await ownDoveadmPorts(scene)).map(({ port }) => port);
  const names: string[] = [];
  for (const channel of scene.config.channels) {
    const about = await scene
      .far(channel)
      .then((far) => far.about())
      .catch(() => undefined);
    for (const { replica } of about?.channels ?? []) {
      const destination = parseDestination(replica, { doveadmPort: channel.doveadmPort });
      if (destination.kind === 'tcp' && destination.tls && ports.includes(destination.port))
        names.push(destination.host);
    }
  }
  return names.length > 0 ? names : [scene.config.hostname];
}

/** The certificate that the other end shows; that its name and its authority fit is what `peer` found out. */
export const peerCertificate: ChannelCheck = {
  name: 'peer-certificate',
  async run(scene, channel) {
    const destination = parseDestination(channel.mailReplica, { doveadmPort: channel.doveadmPort });
    if (destination.kind !== 'tcp' || !destination.tls) return undefined;
    const seen = await see(scene, destination).catch(() => {
      throw new NotCheckable('no TLS connection, see "peer"');
    });
    const wrong = nameProblem(seen.certificate, destination.host);
    if (wrong !== undefined)
      return problem(
        `the certificate of ${destination.host} is for another name (${wrong})`,
        'use in mail_replica a name that it has, or give the other host a certificate for that name',
      );
    return judgeCertificate(seen, scene.clock.now(), `the certificate of ${destination.host}`);
  },
};

interface Seen {
  readonly certificate: PeerCertificate;
  /** Why it is not trusted; undefined: it is. */
  readonly distrust: string | undefined;
}

async function see({ config, signal }: Scene, place: Place): Promise<Seen> {
  const socket = await connectUnjudged(place, config.ssl, signal);
  try {
    const reason = socket.authorizationError as Error | string | null | undefined;
    const distrust = reason === null || reason === undefined ? undefined : String(reason);
    // A name is judged apart, by the name that counts.
    return {
      certificate: socket.getPeerCertificate(),
      distrust: distrust?.includes('ALTNAME') ? undefined : distrust,
    };
  } finally {
    socket.destroy();
  }
}

/** Pure. */
export function judgeCertificate({ certificate, distrust }: Seen, now: number, what: string): Finding {
  const time = judgeTime(certificate.valid_to, now, what);
  if (time.severity === 'problem' || distrust === undefined) return time;
  return problem(
    `${what} is not signed by an authority that we trust (${distrust})`,
    'set ssl.client_ca_file on both hosts to the authority that signed their certificates',
  );
}

function judgeTime(validTo: string, now: number, what: string): Finding {
  const daysLeft = Math.floor((Date.parse(validTo) - now) / dayMs);
  const remedy = 'renew it and reload the service';
  if (daysLeft < 0) return problem(`${what} has expired on ${validTo}`, remedy);
  if (daysLeft < daysLeftWarning)
    return warning(`${what} expires in ${daysLeft} days, on ${validTo}`, remedy);
  return ok(`${what} is good for ${daysLeft} days`);
}
