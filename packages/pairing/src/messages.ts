import { isIP } from 'node:net';
import { DsyncdError } from '@dsyncd/core';

export type Engine = 'builtin' | 'dovecot';
export type DovecotSeries = '2.3' | '2.4';

/** How the other host logs in to this one, and with which key this one logs in there. */
export interface SshFacts {
  readonly login: string;
  readonly port: number;
  /** `TYPE BASE64` each. */
  readonly hostKeys: readonly string[];
  /** Public, `TYPE BASE64`. */
  readonly loginKey: string;
}

/** What one host says of itself to the other: nothing secret. */
export interface HostFacts {
  /** Version of dsyncd. */
  readonly version: string;
  readonly hostname: string;
  /** Where the other host reaches this one: a name or an IP address. */
  readonly address: string;
  /** TCP port of `[listeners.doveadm]`, or of Dovecot's doveadm service. */
  readonly port: number;
  readonly engine: Engine;
  /** As `doveconf -n` shows it, `2.3.21`; missing: no Dovecot on this host. */
  readonly dovecot?: string | undefined;
  /** False: its Dovecot has `ssl = no`, and cannot speak TLS. Missing is what a host of an older version says. */
  readonly tls?: boolean | undefined;
  /** Given: it is to replicate over SSH. */
  readonly ssh?: SshFacts | undefined;
}

/** Every message of the conversation; in the order of {@link exchange}. */
export type Message =
  | { readonly type: 'hello'; readonly proof: string; readonly facts: HostFacts }
  /** The person there agreed to the plan; `reachedAt` is what that host calls this one. */
  | { readonly type: 'agreed'; readonly request: string; readonly reachedAt: string }
  | {
      readonly type: 'material';
      readonly authority: string;
      readonly certificate: string;
      readonly secret: string;
    }
  | { readonly type: 'written' }
  | { readonly type: 'kept' }
  | { readonly type: 'failed'; readonly reason: string };

export type MessageType = Message['type'];
export type MessageOf<T extends MessageType> = Extract<Message, { readonly type: T }>;

const wireVersion = 1;
/** Longest line in bytes: two certificates and a secret have room ten times over. */
export const messageBytesMax = 65_536;
const nameCharsMax = 253;
const textCharsMax = 8192;

export const encodeMessage = (message: Message): string =>
  `${JSON.stringify({ ...message, v: wireVersion })}\n`;

/**
 * Checks a line of the other end: field by field, as it is written into files later.
 * @throws {DsyncdError} `DSYNCD_PAIR_ANSWER` when it is not such a message.
 */
export function decodeMessage(line: string): Message {
  const fields = parseObject(line);
  if (fields.v !== wireVersion)
    throw badAnswer(
      'the other host speaks another version of the pairing',
      'install the same version of dsyncd on both hosts',
    );
  switch (fields.type) {
    case 'hello':
      return {
        type: 'hello',
        proof: matching(fields, 'proof', /^[0-9a-f]{64}$/),
        facts: decodeFacts(fields.facts),
      };
    case 'agreed':
      return { type: 'agreed', request: text(fields, 'request'), reachedAt: addressOf(fields, 'reachedAt') };
    case 'material':
      return {
        type: 'material',
        authority: matching(fields, 'authority', pem),
        certificate: matching(fields, 'certificate', pem),
        secret: matching(fields, 'secret', /^[0-9a-f]{64}$/),
      };
    case 'written':
    case 'kept':
      return { type: fields.type };
    case 'failed':
      return { type: 'failed', reason: text(fields, 'reason').replace(/[\u0000-\u001f\u007f]+/g, ' ') };
    default:
      throw badAnswer('the other host sent a message that is unknown here');
  }
}

const pem = /^-----BEGIN CERTIFICATE-----\n[A-Za-z0-9+/=\n]+\n-----END CERTIFICATE-----\n?$/;

function decodeFacts(value: unknown): HostFacts {
  const fields = asObject(value);
  const { port, engine } = fields;
  if (!isPort(port)) throw badAnswer('the other host names a port that is none');
  if (engine !== 'builtin' && engine !== 'dovecot') throw badAnswer('the other host names an unknown engine');
  const address = addressOf(fields, 'address');
  const hostname = text(fields, 'hostname');
  if (!isHostName(hostname)) throw badAnswer('the other host has a host name that is none');
  return {
    version: matching(fields, 'version', /^[\w.+~-]{1,40}$/),
    hostname,
    address,
    port,
    engine,
    dovecot: fields.dovecot === undefined ? undefined : matching(fields, 'dovecot', /^[\w.+~-]{1,40}$/),
    tls: typeof fields.tls === 'boolean' ? fields.tls : undefined,
    ssh: fields.ssh === undefined ? undefined : decodeSsh(fields.ssh),
  };
}

const sshKey = /^(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) [A-Za-z0-9+/=]{16,4000}$/;
const hostKeysMax = 8;

function decodeSsh(value: unknown): SshFacts {
  const fields = asObject(value);
  const { port, hostKeys } = fields;
  if (!isPort(port)) throw badAnswer('the other host names a port that is none');
  const keys = Array.isArray(hostKeys) ? hostKeys : [];
  if (keys.length === 0 || keys.length > hostKeysMax || !keys.every((key) => sshKey.test(String(key))))
    throw badAnswer('the other host names SSH host keys that are none');
  return {
    login: matching(fields, 'login', /^[A-Za-z_][A-Za-z0-9_.-]{0,63}$/),
    port,
    hostKeys: keys.map(String),
    loginKey: matching(fields, 'loginKey', sshKey),
  };
}

const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535;

/** As it stands before `:PORT`. */
export const bracketed = (address: string): string => (address.includes(':') ? `[${address}]` : address);

/** A host name, or an IP address. */
function addressOf(fields: Fields, name: string): string {
  const address = text(fields, name);
  if (isHostName(address) || isIP(address) !== 0) return address;
  throw badAnswer('the other host names an address that is none');
}

/** As it may stand in a configuration and in a certificate. */
export const isHostName = (name: string): boolean =>
  name.length <= nameCharsMax &&
  /^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$/.test(name);

/** `2.3` or `2.4` of a Dovecot's version; undefined for one that dsyncd does not know. */
export function seriesOf(version: string | undefined): DovecotSeries | undefined {
  if (version === undefined) return undefined;
  return version.startsWith('2.3.') ? '2.3' : version.startsWith('2.4.') ? '2.4' : undefined;
}

type Fields = Readonly<Record<string, unknown>>;

function parseObject(line: string): Fields {
  try {
    return asObject(JSON.parse(line));
  } catch (error) {
    throw error instanceof DsyncdError ? error : badAnswer('the other end does not speak the pairing');
  }
}

function asObject(value: unknown): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badAnswer('the other end does not speak the pairing');
  return value as Fields;
}

function text(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '' && value.length <= textCharsMax) return value;
  throw badAnswer(`the other host sent no ${name}`);
}

function matching(fields: Fields, name: string, pattern: RegExp): string {
  const value = text(fields, name);
  if (pattern.test(value)) return value;
  throw badAnswer(`the other host sent a ${name} that is not valid`);
}

export const badAnswer = (
  message: string,
  hint = 'run `dsyncadm pair` of the same version on both hosts',
): DsyncdError => new DsyncdError('DSYNCD_PAIR_ANSWER', message, { outcome: 'operator', hint });
