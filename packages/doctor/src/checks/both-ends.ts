import { formatSpan, parseDestination } from '@dsyncd/core';
import type { ChannelCheck } from '../check.ts';
import { type Finding, NotCheckable, ok, problem, warning } from '../finding.ts';
import { hostnameInSync } from '../probe-sync.ts';
import { planFar, type Scene } from '../scene.ts';

/** Dsync decides by host name who takes the lock first: two hosts of one name wait for each other, or do not lock at all. */
export const hostNames: ChannelCheck = {
  name: 'host-names',
  async run(scene, channel) {
    const here = await nameHere(scene);
    const there = await nameThere(scene, channel);
    if (here.toLowerCase() !== there.toLowerCase()) return ok(`${here} here, ${there} there`);
    return problem(
      `both ends call themselves ${here}`,
      scene.config.mailEngine === 'dovecot'
        ? 'give each host a name of its own (`hostname -f`; in a container DOVECOT_HOSTDOMAIN by import_environment), and restart Dovecot'
        : 'set a different hostname in dsyncd.toml of one of them, and restart its services',
    );
  },
};

async function nameHere(scene: Scene): Promise<string> {
  if (scene.config.mailEngine === 'builtin') return scene.config.hostname;
  const { address } = await scene.localDoveadm();
  const { secret } = address;
  return hostnameInSync(
    scene,
    [address.destination, secret === undefined ? {} : { secret }],
    await anyUser(scene),
  );
}

async function nameThere(scene: Scene, channel: Parameters<ChannelCheck['run']>[1]): Promise<string> {
  const { kind } = parseDestination(channel.mailReplica, { doveadmPort: channel.doveadmPort });
  if (kind === 'tcp') {
    const far = await scene.far(channel);
    if (far.kind === 'dsyncd') return (await far.about()).hostname;
  } else if (scene.config.mailEngine === 'dovecot')
    throw new NotCheckable('Dovecot itself logs in there by SSH; compare `hostname -f` of both hosts');
  const { destination, settings } = await planFar(scene.config, channel);
  return hostnameInSync(scene, [destination, settings], await userThere(scene, channel));
}

/** A user whom the other end knows, as only a sync shows its name. */
async function userThere(
  scene: Scene,
  channel: Parameters<ChannelCheck['run']>[1],
): ReturnType<typeof anyUser> {
  const here = await scene.users();
  const there = await scene
    .far(channel)
    .then((far) => far.users())
    .catch(() => here);
  const [user] = here.filter((name) => there.includes(name));
  return user ?? anyUser(scene);
}

async function anyUser(scene: Scene): Promise<Awaited<ReturnType<Scene['users']>>[number]> {
  const [user] = await scene.users();
  if (user === undefined) throw new NotCheckable('there is no user to ask with');
  return user;
}

const offMsProblem = 10_000;
const offMsWarning = 1_500;

export const clocks: ChannelCheck = {
  name: 'clocks',
  async run(scene, channel) {
    return judgeClock(await (await scene.far(channel)).clock());
  },
};

/** Dsync decides by time which rename or subscription was last. Pure. */
export function judgeClock({
  aheadMs,
  errorMs,
}: {
  readonly aheadMs: number;
  readonly errorMs: number;
}): Finding {
  // Only what is certain counts.
  const offMs = Math.max(0, Math.abs(aheadMs) - errorMs);
  const margin = `to within ${formatSpan(errorMs)}`;
  if (offMs <= offMsWarning) return ok(`both clocks agree ${margin}`);
  const text = `the other clock is ${formatSpan(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead' : 'behind'} (${margin})`;
  const remedy =
    'run a time service on both hosts (chrony, systemd-timesyncd) and look which of the two is wrong';
  return offMs > offMsProblem ? problem(text, remedy) : warning(text, remedy);
}

export const versions: ChannelCheck = {
  name: 'versions',
  async run(scene, channel) {
    const far = await scene.far(channel);
    const here = scene.config.mailEngine === 'dovecot' ? await dovecotHere() : `dsyncd ${scene.version}`;
    if (far.kind === 'dsyncd' && here.startsWith('dsyncd') && far.version !== here)
      return warning(`${here} here, ${far.version} there`, 'install the same version on both hosts');
    if (/^Dovecot (?!2\.[34])/.test(here)) return problem(`${here} here`, 'dsyncd needs Dovecot 2.3 or 2.4');
    return ok(`${here} here, ${far.version} there`);

    /** As exact as can be had: `doveconf` knows it all, the protocol only 2.3 or 2.4. */
    async function dovecotHere(): Promise<string> {
      try {
        const { version } = await scene.doveconf();
        if (version !== '') return `Dovecot ${version}`;
      } catch (error) {
        if (!(error instanceof NotCheckable)) throw error;
      }
      return (await (await scene.localDoveadm()).serverMinor()) >= 3 ? 'Dovecot 2.4' : 'Dovecot 2.3';
    }
  },
};
