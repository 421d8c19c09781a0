import { systemClock } from '@dsyncd/core';
import {
  type HostFacts,
  listenForJoiner,
  newCode,
  newHostKey,
  type PairingCode,
  type PairingListener,
  type Place,
  publicKeyOf,
  selfSigned,
} from '../src/index.ts';

export const factsOf = (hostname: string, changes: Partial<HostFacts> = {}): HostFacts => ({
  version: '0.1.0',
  hostname,
  address: '127.0.0.1',
  port: 12_345,
  engine: 'builtin',
  ...changes,
});

export const mx1 = factsOf('mx1.example.com');
export const mx2 = factsOf('mx2.example.com', { address: 'mx2.example.com', port: 12_399 });

export const placeIn = (root: string): Place => ({
  user: 'vmail',
  group: 'vmail',
  configFile: `${root}/etc/dsyncd/dsyncd.toml`,
  runDir: `${root}/run/dsyncd`,
  stateDir: `${root}/var/lib/dsyncd`,
  mailHome: `${root}/srv/mail/%{user}`,
  mailDir: `${root}/srv/mail`,
  listenAddress: '::',
  dovecotRunDir: `${root}/run/dovecot`,
  files: {
    secret: `${root}/etc/dsyncd/secret`,
    authority: `${root}/etc/dsyncd/ca.pem`,
    certificate: `${root}/etc/dsyncd/host.pem`,
    privateKey: `${root}/etc/dsyncd/host.key`,
    dropIn: `${root}/etc/dovecot/conf.d/99-dsyncd.conf`,
    tmpfiles: `${root}/etc/tmpfiles.d/dsyncd-dovecot.conf`,
    lua: `${root}/etc/dovecot/dsyncd-notify.lua`,
    loginKey: `${root}/etc/dsyncd/id_ed25519`,
    knownHosts: `${root}/etc/dsyncd/known_hosts`,
    authorizedKeys: `${root}/etc/dsyncd/authorized_keys`,
    sshdDropIn: `${root}/etc/ssh/sshd_config.d/50-dsyncd.conf`,
  },
  journal: `${root}/etc/dsyncd/pair.json`,
});

export interface Listening {
  readonly listener: PairingListener;
  readonly code: PairingCode;
  readonly refused: string[];
}

/** A listener of mx1 on a free port of loopback. */
export async function listen(validMs = 60_000): Promise<Listening> {
  const key = await newHostKey();
  const code = newCode(publicKeyOf(key.privatePem));
  const refused: string[] = [];
  const listener = await listenForJoiner({
    address: '127.0.0.1',
    port: 0,
    certificate: await selfSigned(key, Date.now()),
    privateKey: key.privatePem,
    code,
    facts: mx1,
    validMs,
    clock: systemClock,
    onRefused: (_from, reason) => refused.push(reason),
  });
  return { listener, code, refused };
}
