import { chmod, chown, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseDestination, parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import { BuiltinAnswerer, BuiltinEngine, type SyncResult, type SyncTask } from '@dsyncd/engine';
import { type MailStore, openMaildirStore, type StoreLimits } from '@dsyncd/mailstore';
import {
  createAuthority,
  Dovecot,
  type DovecotVersion,
  Host,
  type MailFormat,
  programFile,
  type Sshd,
  startSshd,
} from '@dsyncd/testkit';
import { createPeer, type DoveadmServer, type Peer, startDoveadmServer } from '@dsyncd/transport';
import { type RecordingLogger, recordingLogger } from './log.ts';
import { OurSide } from './our-side.ts';
import { TheirSide } from './their-side.ts';

export const secret = 'secret';
export const transports = ['tcp', 'tcps', 'ssh'] as const;
export type Transport = (typeof transports)[number];
/** Who begins the syncs: `doveadm sync`, or our engine. */
export type Leader = 'theirs' | 'ours';

export interface WorldOptions {
  readonly version: DovecotVersion;
  readonly mailFormat: MailFormat;
  readonly users: readonly string[];
  readonly folder: string;
  /** Further lines for the configuration of the Dovecot. */
  readonly settings?: readonly string[];
  /** Of our store. */
  readonly limits?: Partial<StoreLimits>;
}

/** One real Dovecot and one dsyncd host with the same users, connected every way. */
export class World {
  readonly dovecot: Dovecot;
  readonly store: MailStore;
  readonly logger: RecordingLogger;
  readonly mailFormat: MailFormat;
  readonly #sshd: Sshd;
  readonly #servers: Readonly<Record<'tcp' | 'tcps', DoveadmServer>>;
  readonly #peers: Readonly<Record<Transport, Peer>>;
  readonly #engines: Readonly<Record<Transport, BuiltinEngine>>;

  #tryPeer: Peer | undefined;
  /** One for all, for it remembers what a peer refused. */
  readonly #tryEngine = new BuiltinEngine({
    store: { open: (...args) => this.store.open(...args) } as MailStore,
    hostname: 'later.example.com',
    lockTimeoutMs: () => 10_000,
    peerOf: () => this.#tryPeer,
  });

  private constructor(parts: {
    mailFormat: MailFormat;
    dovecot: Dovecot;
    store: MailStore;
    logger: RecordingLogger;
    sshd: Sshd;
    servers: Record<'tcp' | 'tcps', DoveadmServer>;
    peers: Record<Transport, Peer>;
    engines: Record<Transport, BuiltinEngine>;
  }) {
    this.mailFormat = parts.mailFormat;
    this.dovecot = parts.dovecot;
    this.store = parts.store;
    this.logger = parts.logger;
    this.#sshd = parts.sshd;
    this.#servers = parts.servers;
    this.#peers = parts.peers;
    this.#engines = parts.engines;
  }

  static async start({ folder, limits = {}, ...options }: WorldOptions): Promise<World> {
    const authority = createAuthority(folder);
    const certificate = authority.issue('127.0.0.1');
    const { caFile } = authority;
    const hostname = 'dovecot.example.com';
    const sshd = await startSshd(join(folder, 'sshd'));
    const settings = [await remoteCommandSetting(options.version, folder, sshd), ...(options.settings ?? [])];
    const dovecot = await Dovecot.start({ ...options, hostname, secret, certificate, caFile, settings });
    const store = openMaildirStore({
      home: (user) => join(folder, 'mail', user),
      clock: systemClock,
      random: systemRandom,
      limits,
    });
    const logger = recordingLogger();
    // One name sorts before Dovecot's and one after, so that each side is the first to lock in half of the matrix.
    const answerer = new BuiltinAnswerer({
      store,
      hostname: serverHostname,
      lockTimeoutMs: () => 10_000,
      logger,
      onImported: () => {},
    });
    const common = { address: '127.0.0.1', port: 0, secret, answerer, logger } as const;
    const servers = {
      tcp: await startDoveadmServer(common),
      tcps: await startDoveadmServer({ ...common, tls: certificate }),
    };
    const knownHosts = join(folder, 'known_hosts');
    const command = dsyncServerOf(dovecot);
    const ssh = { keyFile: sshd.keyFile, knownHostsFiles: [knownHosts], command };
    const peerOf = (name: string): Peer =>
      createPeer(parseDestination(name, { doveadmPort: 1 }), { secret, tls: { caFile }, ssh });
    const peers = {
      tcp: peerOf(dovecot.tcp),
      tcps: peerOf(dovecot.tcps),
      ssh: peerOf(`remote:${sshd.login}@127.0.0.1:${sshd.port}`),
    };
    const engineOf = (peer: Peer): BuiltinEngine =>
      new BuiltinEngine({
        store,
        hostname: 'later.example.com',
        lockTimeoutMs: () => 10_000,
        peerOf: () => peer,
      });
    const engines = { tcp: engineOf(peers.tcp), tcps: engineOf(peers.tcps), ssh: engineOf(peers.ssh) };
    const { mailFormat } = options;
    return new World({ mailFormat, dovecot, store, logger, sshd, servers, peers, engines });
  }

  /** A host starts no sync for a user that it does not know. */
  async addUser(user: string): Promise<void> {
    await (await this.store.open(parseUserName(user), { create: true })).close();
  }

  sides(user: string): { readonly ours: OurSide; readonly theirs: TheirSide } {
    return { ours: new OurSide(this.store, user), theirs: new TheirSide(this.dovecot, user) };
  }

  /** `doveadm` with a destination of ours at the end; throws unless it succeeds or says that something changed. */
  async doveadmSync(transport: Transport, user: string, args: readonly string[]): Promise<DoveadmSync> {
    const destination =
      transport === 'ssh'
        ? `remote:${this.#sshd.login}@127.0.0.1`
        : `${transport}:127.0.0.1:${this.#servers[transport].port}`;
    const [verb = '', ...options] = args;
    const isTraced = process.env.WIRE_TRACE === 'true';
    const all = [...(isTraced ? ['-D'] : []), verb, '-u', user, ...options, destination];
    const { status, stdout, stderr } = await this.dovecot.tryDoveadm(all);
    if (isTraced)
      console.log(
        all.join(' '),
        status,
        stdout,
        stderr.replaceAll(/.*(Skipping module|auth-master).*\n/g, ''),
      );
    // A mailbox is not the one that the state speaks of: Dovecot gives up, and its replicator would forget the state.
    const isStale = status === 75 && /Incremental sync failed|UIDVALIDITY/.test(stderr + this.logger.text());
    if (status !== 0 && status !== 2 && !isStale)
      throw new Error(
        `doveadm ${all.join(' ')} ended with ${status}: ${stdout}${stderr}\nour log: ${this.logger.text()}`,
      );
    // With the status it says once more that something changed.
    const complaints = stderr
      .replaceAll(/.*Mailbox changes caused a desync.*\n/g, '')
      .replaceAll(indexRace, '');
    // Dovecot 2.3 says so of a name with "%" for ever, also to another Dovecot.
    const isRestlessName = stderr.includes("Can't rename mailbox to itself");
    return {
      isChanged: isStale || (status === 2 && !isRestlessName),
      state: isStale ? '' : stdout.trim(),
      complaints: isTraced || isStale ? '' : complaints,
      noted: stderr,
    };
  }

  async engineSync(
    transport: Transport,
    task: Omit<SyncTask, 'channel' | 'signal' | 'user'> & { user: string },
  ): Promise<SyncResult> {
    const result = await this.#engines[transport].sync({
      ...task,
      user: parseUserName(task.user),
      channel: 'default',
      signal: AbortSignal.timeout(60_000),
    });
    if (result.outcome !== 'ok' && result.outcome !== 'changed')
      throw new Error(
        `our sync: ${JSON.stringify(result)}\nDovecot's log: ${this.dovecot.log().slice(-3000)}`,
      );
    return result;
  }

  /** Where our server listens for a Dovecot that leads. */
  get serverPort(): number {
    return this.#servers.tcp.port;
  }

  /** One sync led by ours to a port of loopback, however it ends. */
  async trySync(port: number, user: string, type: SyncTask['type'], state?: string): Promise<SyncResult> {
    const destination = parseDestination(`tcp:127.0.0.1:${port}`, { doveadmPort: 1 });
    const peer = createPeer(destination, { secret, tls: {} });
    try {
      this.#tryPeer = peer;
      const task = { user: parseUserName(user), channel: 'default', type, state };
      return await this.#tryEngine.sync({ ...task, signal: AbortSignal.timeout(60_000) });
    } finally {
      await peer.close();
    }
  }

  async stop(): Promise<void> {
    await Promise.all(Object.values(this.#peers).map((peer) => peer.close()));
    await Promise.all(Object.values(this.#servers).map((server) => server.stop(0)));
    await this.dovecot.stop();
    await this.#sshd.stop();
    await this.store.close();
  }
}

/** It sorts before the name of the Dovecot: that of our engine sorts after it. */
const serverHostname = 'early.example.com';

/** How the Dovecot starts our dsync server by SSH; it does so as the mail user. */
async function remoteCommandSetting(version: DovecotVersion, folder: string, sshd: Sshd): Promise<string> {
  const host = new Host({ hostname: serverHostname, folder, channels: {}, secret });
  await host.configure();
  await chmod(folder, 0o755);
  const sshFolder = join(folder, 'ssh-of-dovecot');
  await mkdir(sshFolder, { mode: 0o755 });
  const [key, knownHosts] = [join(sshFolder, 'key'), join(folder, 'known_hosts')];
  await copyFile(sshd.keyFile, key);
  if (process.getuid?.() === 0) await chown(key, 65_534, 65_534);
  await chmod(key, 0o600);
  await writeFile(knownHosts, `${sshd.knownHostsLine}\n`);
  const user = version === '2.3' ? '%u' : '%{user}';
  const options = `-F none -p ${sshd.port} -i ${key} -o UserKnownHostsFile=${knownHosts} -o BatchMode=yes`;
  const server = `${process.execPath} ${programFile('dsync-server')} -c ${host.configFile} --stdio -u${user}`;
  return `dsync_remote_cmd = ssh ${options} -l%{login} %{host} ${server}`;
}

/** What our side starts by SSH at the Dovecot. */
function dsyncServerOf(dovecot: Dovecot): string {
  const { command, args } = dovecot.doveadmCommand(['dsync-server', '-u', '%{user}']);
  const environment = Object.entries(dovecot.place.environment).map(([name, value]) => `${name}=${value}`);
  return ['env', ...environment, command, ...args].join(' ');
}

/**
 * Dovecot 2.4 with Maildir, seldom and under load: what wrote to the index last may still name a mail that the sync has
 * just expunged or renumbered. Dovecot repairs that itself; what it has then is compared like after every sync.
 */
const indexRace =
  /.*(Log synchronization error at .*Extension record update for invalid uid=|Warning: .*fscking index file ).*\n/g;

export interface DoveadmSync {
  /** It says that something changed during the sync. */
  readonly isChanged: boolean;
  readonly state: string;
  readonly complaints: string;
  readonly noted: string;
}
