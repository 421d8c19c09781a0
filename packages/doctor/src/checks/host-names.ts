import { parseDestination } from '@dsyncd/core';
import type { ChannelCheck } from '../check.ts';
import { NotCheckable, ok, problem } from '../finding.ts';
import { hostnameInSync } from '../handshake.ts';
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

/** A user whom the other end knows, as only a sync tells the name. */
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
