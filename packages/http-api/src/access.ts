import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP } from 'node:net';
import { DsyncdError } from '@dsyncd/core';
import { Problem } from './problem.ts';

/** `read` only reads; `notify` reports changes; `operate` does everything. */
export type Role = 'read' | 'operate' | 'notify';
export const roles: readonly Role[] = ['read', 'operate', 'notify'];

/** One secret a role; a role without one is not given away (but see {@link Access}). */
export type Tokens = Readonly<Partial<Record<Role, string>>>;

/** Shorter ones can be guessed. */
export const tokenCharsMin = 16;

/** @throws {DsyncdError} `DSYNCD_HTTP_TOKEN` (operator) for a token that is too short. */
export function checkTokens(tokens: Tokens): Tokens {
  for (const role of roles) {
    const token = tokens[role];
    if (token === undefined || token.length >= tokenCharsMin) continue;
    throw new DsyncdError(
      'DSYNCD_HTTP_TOKEN',
      `the ${role} token has fewer than ${tokenCharsMin} characters`,
      {
        outcome: 'operator',
        hint: '`openssl rand -hex 32` makes a good one',
      },
    );
  }
  return tokens;
}

export interface Caller {
  readonly authorization: string | undefined;
  readonly host: string | undefined;
}

/**
 * Who may do what.
 *
 * On a unix socket, its mode says who gets in: a role that has no token is open to them. On a port, looking
 * is open to this host while there is no `read` token; operating and notifying always take a token.
 */
export class Access {
  readonly #isUnixSocket: boolean;
  #digests = new Map<Role, Buffer>();

  constructor(tokens: Tokens, isUnixSocket: boolean) {
    this.#isUnixSocket = isUnixSocket;
    this.replace(tokens);
  }

  /** @throws {DsyncdError} as {@link checkTokens}; the present ones stay then. */
  replace(tokens: Tokens): void {
    const entries = Object.entries(checkTokens(tokens)) as [Role, string][];
    this.#digests = new Map(entries.map(([role, token]) => [role, digest(token)]));
  }

  /** @throws {Problem} 401 or 403 when the caller may not. */
  check(role: Role, { authorization, host }: Caller): void {
    if (authorization !== undefined) {
      const held = this.#rolesOf(authorization);
      if (held.length === 0) throw unknownToken();
      if (held.includes(role) || held.includes('operate')) return;
      throw new Problem(403, 'DSYNCD_HTTP_ROLE', `this needs the token of the role "${role}"`, {
        hint: `the token that was sent has the role ${held.map((each) => `"${each}"`).join(', ')}`,
      });
    }
    if (this.#digests.has(role)) throw missingToken(role);
    if (this.#isUnixSocket) return;
    if (role !== 'read')
      throw new Problem(403, 'DSYNCD_HTTP_ROLE', `nobody may do this: the role "${role}" has no token`, {
        hint: `set ${role}_token_file in [listeners.http], or use a unix socket`,
      });
    // A page that a browser on this host shows must not get at names by a DNS name that leads here.
    if (!isHostOfOurs(host))
      throw new Problem(
        403,
        'DSYNCD_HTTP_HOST',
        'without a token, this host is to be called by its address',
        {
          hint: 'use http://127.0.0.1:PORT/, or set read_token_file in [listeners.http]',
        },
      );
  }

  /** Compares every token, whatever it finds, so that the time reveals nothing. */
  #rolesOf(authorization: string): Role[] {
    const given = digest(tokenOf(authorization));
    const matching: Role[] = [];
    for (const [role, wanted] of this.#digests) if (timingSafeEqual(given, wanted)) matching.push(role);
    return matching;
  }
}

/** The token as bearer, or as password of any user: for programs that know Basic only, as Dovecot's event exporter. */
function tokenOf(authorization: string): string {
  const [scheme = '', value = ''] = authorization.split(' ', 2);
  if (scheme.toLowerCase() === 'bearer') return value;
  if (scheme.toLowerCase() !== 'basic') return '';
  const pair = Buffer.from(value, 'base64').toString();
  return pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : '';
}

const digest = (token: string): Buffer => createHash('sha256').update(token).digest();

function isHostOfOurs(host: string | undefined): boolean {
  const name = (host ?? '').replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name.toLowerCase() === 'localhost' || isIP(name) !== 0;
}

const unknownToken = (): Problem =>
  new Problem(401, 'DSYNCD_HTTP_TOKEN', 'invalid token', {
    hint: 'send "Authorization: Bearer TOKEN" with the content of a token file of [listeners.http]',
  });

const missingToken = (role: Role): Problem =>
  new Problem(401, 'DSYNCD_HTTP_TOKEN', `this needs the token of the role "${role}"`, {
    hint: `send "Authorization: Bearer TOKEN" with the content of ${role}_token_file`,
  });

const shared = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'content-security-policy':
    "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
} as const;

/** Pages that others made use styles in their markup and pictures in their styles. */
const foreignPage =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; form-action 'none'; " +
  "frame-ancestors 'none'; object-src 'none'; base-uri";

export const docsContentSecurityPolicy = `${foreignPage} 'none'`;

/** bull-board would take its fonts from the Internet: it may not, and has others. */
export const boardContentSecurityPolicy = `${foreignPage} 'self'`;

/** What every answer carries, so that a browser does with it only what it is for. */
export const securityHeaders = (hasTls: boolean): Readonly<Record<string, string>> =>
  hasTls ? { ...shared, 'strict-transport-security': 'max-age=31536000' } : shared;
