import {
  type ChannelConfig,
  type Config,
  indexFolderOf,
  planPeer,
  readSecret,
  type TwinHomes,
  UserHomes,
} from '@dsyncd/config';
import { type Clock, DsyncdError, parseDestination, type UserName } from '@dsyncd/core';
import {
  AuthClient,
  type DoveadmServerAddress,
  DovecotUsers,
  IndexTimes,
  type Unusable,
} from '@dsyncd/engine';
import { Doveadm } from './doveadm.ts';
import { type Doveconf, doveconfOf, runDoveconf } from './doveconf.ts';
import { type FarSide, openFarSide } from './far-side.ts';
import { type MailOwner, mailOwnerOf } from './file-access.ts';
import { NotCheckable } from './finding.ts';

/** What the checks inspect; everything is fetched once, when the first check needs it. */
export interface Scene {
  readonly config: Config;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Of the dsyncd here. */
  readonly version: string;
  /** Of the Dovecot here. */
  doveconf(): Promise<Doveconf>;
  /** The doveadm service of the Dovecot here. */
  localDoveadm(): Promise<Doveadm>;
  /** Whom this host replicates. */
  users(): Promise<readonly UserName[]>;
  /** One of them; undefined: there are no users. */
  anyUser(): Promise<UserName | undefined>;
  /** Listed users whose names cannot be ours; after {@link users}. */
  unusable(): Unusable;
  /** As of the last list of users, too. */
  twins(): TwinHomes;
  /** Who changed, by the times of Dovecot's index files. */
  readonly indexTimes: IndexTimes;
  /** As whom and where mail processes open the mail of a user; undefined: userdb does not know the user. */
  mailOwner(user: UserName): Promise<MailOwner | undefined>;
  /** Does `user_include` and `user_exclude` let the name in? */
  isLetIn(user: string): boolean;
  /** Logs in at the other end. @throws what keeps us out there. */
  logIn(channel: ChannelConfig): Promise<FarSide>;
  /** The same for checks that have nothing to say when that fails. @throws {NotCheckable} */
  far(channel: ChannelConfig): Promise<FarSide>;
}

export interface SceneOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Gives what `doveconf -n` prints; missing: it is run. */
  readonly doveconfText?: () => Promise<string>;
  /** Of dsyncd. */
  readonly version: string;
  /** Channels whose other end is a dsyncd, as far as it is known; added to. */
  readonly dsyncds?: Set<string>;
}

const authTimeoutMs = 10_000;

export function openScene({
  config,
  clock,
  signal,
  doveconfText,
  version,
  dsyncds = new Set(),
}: SceneOptions): Scene & { close(): void } {
  const auth = new AuthClient({
    socketPath: () => config.dovecot.authSocketPath,
    clock,
    answerTimeoutMs: authTimeoutMs,
  });
  const { userInclude, userExclude } = config.dovecot;
  const rules = { include: userInclude, exclude: userExclude, uidMin: config.dovecot.firstValidUid };
  const dovecotUsers = new DovecotUsers({ auth, rules: () => rules, clock });
  const isDovecot = config.mailEngine === 'dovecot';
  const listed = (): AsyncIterable<UserName> => (isDovecot ? dovecotUsers.list() : homes.list());
  const homes = new UserHomes(config);
  const far = new Map<string, Promise<FarSide>>();
  const logIn = (channel: ChannelConfig): Promise<FarSide> => {
    const present = far.get(channel.name) ?? openFar(config, channel, { clock, signal, dsyncds });
    far.set(channel.name, present);
    return present;
  };
  const doveconf = once(async () =>
    doveconfText === undefined ? runDoveconf(config) : doveconfOf(await doveconfText()),
  );
  return {
    config,
    clock,
    signal,
    version,
    doveconf,
    localDoveadm: once(async () => new Doveadm(await localAddress(config), clock, signal)),
    users: once(async () => {
      const users: UserName[] = [];
      for await (const user of listed()) users.push(user);
      return users.sort();
    }),
    anyUser: once(async () => {
      for await (const user of listed()) return user;
      return undefined;
    }),
    unusable: () => dovecotUsers.unusable,
    twins: () => homes.twins,
    async mailOwner(user) {
      const fields = await auth.lookUp(user, signal);
      return fields === undefined ? undefined : mailOwnerOf(fields, doveconf);
    },
    indexTimes: new IndexTimes({ auth, folderOf: (user) => indexFolderOf(config, user) }),
    isLetIn: (user) => !isDovecot || dovecotUsers.isLetIn(user),
    logIn,
    far: (channel) =>
      logIn(channel).catch(() => {
        throw new NotCheckable('the other end cannot be asked, see "peer"');
      }),
    close: () => auth.close(),
  };
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

async function openFar(
  config: Config,
  channel: ChannelConfig,
  { clock, signal, dsyncds }: Pick<SceneOptions, 'clock' | 'signal'> & { readonly dsyncds: Set<string> },
): Promise<FarSide> {
  const { destination, settings } = await planFar(config, channel);
  if (destination.kind !== 'tcp')
    throw new NotCheckable(
      config.mailEngine === 'dovecot'
        ? 'Dovecot itself logs in there by SSH, as its mail user; the probe goes that way'
        : 'by SSH the other host answers syncs only',
    );
  const { secret, tls } = settings;
  const address = {
    destination,
    secret,
    tls,
  };
  const place = `${channel.name} ${channel.mailReplica}`;
  const far = await openFarSide(new Doveadm(address, clock, signal), clock, dsyncds.has(place));
  if (far.kind === 'dsyncd') dsyncds.add(place);
  return far;
}

/** @throws {NotCheckable} when there is no secret to log in with. */
export async function planFar(config: Config, channel: ChannelConfig): ReturnType<typeof planPeer> {
  const { kind } = parseDestination(channel.mailReplica, { doveadmPort: channel.doveadmPort });
  if (kind === 'tcp' && channel.doveadmPasswordFile === undefined)
    throw new NotCheckable(
      'doveadm_password_file is not set: put the doveadm_password of both Dovecots into a file that only dsyncd can read, and name it there',
    );
  return planPeer(config, channel);
}

async function localAddress({ dovecot, doveadmPasswordFile }: Config): Promise<DoveadmServerAddress> {
  const { doveadmSocketPath: place } = dovecot;
  const destination = parseDestination(place.startsWith('/') ? `unix:${place}` : `tcp:${place}`, {
    doveadmPort: 1,
  });
  if (destination.kind !== 'unix' && destination.kind !== 'tcp')
    throw new DsyncdError('DSYNCD_CONFIG', `doveadm_socket_path ${place} leads nowhere`, {
      outcome: 'operator',
    });
  if (doveadmPasswordFile === undefined) return { destination };
  return { destination, secret: await readSecret(doveadmPasswordFile) };
}
