import { DsyncdError } from './error.ts';
import { quote } from './names.ts';

/** Where a replica is, as `mail_replica` says it. */
export type Destination = TcpDestination | UnixDestination | SshDestination | CommandDestination;

export interface TcpDestination {
  readonly kind: 'tcp';
  readonly tls: boolean;
  /** Name or address, an IPv6 one without brackets. */
  readonly host: string;
  readonly port: number;
  /** In full, port included: `tcps:mx2.example.com:12345`. */
  readonly name: string;
}

export interface UnixDestination {
  readonly kind: 'unix';
  readonly path: string;
  readonly name: string;
}

export interface SshDestination {
  readonly kind: 'ssh';
  readonly login: string;
  readonly host: string;
  readonly port: number;
  /**
   * `remoteprefix:`: the user name and a line feed go first over the stream, and the dsync stream follows at
   * once, without an answer. A trusted wrapper on the other host reads that line and starts the dsync server.
   */
  readonly sendsUserName: boolean;
  readonly name: string;
}

/** A dsync server on this host, started for each sync. Not written in `mail_replica`: for tests and tools. */
export interface CommandDestination {
  readonly kind: 'command';
  readonly command: string;
  /** Each `%{user}` is replaced; no shell sees them. */
  readonly args: readonly string[];
  /** Added to our own environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** As in {@link SshDestination}. */
  readonly sendsUserName?: boolean;
  readonly name: string;
}

export interface DestinationDefaults {
  /** `doveadm_port`. */
  readonly doveadmPort: number;
  readonly sshPort?: number;
}

const allowedForms =
  'allowed are tcp:HOST[:PORT], tcps:HOST[:PORT], remote:LOGIN@HOST[:PORT], remoteprefix:LOGIN@HOST[:PORT] ' +
  'and unix:/PATH; an IPv6 address stands in brackets';

/** @throws {DsyncdError} `DSYNCD_DESTINATION` (operator) that names the text, what is wrong, and the allowed forms. */
export function parseDestination(text: string, defaults: DestinationDefaults): Destination {
  const colon = text.indexOf(':');
  const kind = text.slice(0, Math.max(colon, 0));
  const rest = text.slice(colon + 1);
  switch (kind) {
    case 'tcp':
    case 'tcps': {
      const address = parseAddress(text, rest, defaults.doveadmPort);
      return { kind: 'tcp', tls: kind === 'tcps', ...address, name: `${kind}:${nameOf(address)}` };
    }
    case 'remote':
    case 'remoteprefix':
      return parseSsh(text, kind, rest, defaults.sshPort ?? 22);
    case 'unix':
      if (!rest.startsWith('/') || /[\u0000-\u001f\u007f]/.test(rest)) wrong(text, 'has no absolute path');
      return { kind: 'unix', path: rest, name: text };
    default:
      return wrong(text, colon < 0 ? 'does not say how to get there' : `begins with ${quote(`${kind}:`)}`);
  }
}

function parseSsh(
  text: string,
  kind: 'remote' | 'remoteprefix',
  rest: string,
  defaultPort: number,
): SshDestination {
  // A login may be an address itself (`mail@example.com@mx2`): the host follows the last "@".
  const at = rest.lastIndexOf('@');
  const login = rest.slice(0, Math.max(at, 0));
  if (login === '') wrong(text, 'has no login before "@"');
  if (!/^[^\s\u0000-\u001f\u007f-][^\s\u0000-\u001f\u007f]*$/.test(login))
    wrong(text, 'has a login that cannot be');
  const address = parseAddress(text, rest.slice(at + 1), defaultPort);
  const port = address.port === 22 ? '' : `:${address.port}`;
  return {
    kind: 'ssh',
    login,
    ...address,
    sendsUserName: kind === 'remoteprefix',
    name: `${kind}:${login}@${bracketed(address.host)}${port}`,
  };
}

interface Address {
  readonly host: string;
  readonly port: number;
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);
const nameOf = ({ host, port }: Address): string => `${bracketed(host)}:${port}`;

const hostName = /^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/;
const ipv6 = /^[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(%[A-Za-z0-9_.-]+)?$/;

function parseAddress(text: string, rest: string, defaultPort: number): Address {
  const parts = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::([^:]*))?$/.exec(rest);
  if (parts === null) {
    if (ipv6.test(rest)) return wrong(text, 'has an IPv6 address that is not in brackets');
    return wrong(text, 'has no HOST or HOST:PORT');
  }
  const [, inBrackets, plain, portText] = parts;
  const host = inBrackets ?? plain ?? '';
  if (inBrackets === undefined ? !hostName.test(host) || host.length > 253 : !ipv6.test(host))
    wrong(text, host === '' ? 'has no host' : `has a host name that cannot be: ${quote(host)}`);
  if (portText === undefined) return { host, port: defaultPort };
  const port = /^\d{1,5}$/.test(portText) ? Number(portText) : 0;
  if (port < 1 || port > 65_535) wrong(text, `has a port that is not 1 to 65535: ${quote(portText)}`);
  return { host, port };
}

function wrong(text: string, problem: string): never {
  throw new DsyncdError('DSYNCD_DESTINATION', `mail_replica ${quote(text)} ${problem}`, {
    outcome: 'operator',
    hint: allowedForms,
  });
}
