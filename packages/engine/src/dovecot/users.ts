import {
  type Clock,
  compileMask,
  DsyncdError,
  type ErrorCode,
  isUserName,
  parseDestination,
  quote,
  type UserName,
} from '@dsyncd/core';
import type { AuthClient, UserFields } from './auth-client.ts';

/** Whom of Dovecot's users we replicate. */
export interface UserRules {
  /** Masks with `*` and `?`; a user must fit one of these ... */
  readonly include: readonly string[];
  /** ... and none of these. */
  readonly exclude: readonly string[];
  /** Users with a lower UID are left out: those of the system. 0: no limit. */
  readonly uidMin: number;
}

/** Why a user is not replicated. */
export interface Refusal {
  readonly outcome: 'nouser' | 'noreplicate';
  readonly code: ErrorCode;
  readonly reason: string;
  /** What Dovecot calls the user. */
  readonly properUser?: UserName;
}

/** Users whom Dovecot has and we cannot replicate for their names. */
export interface Unusable {
  readonly count: number;
  /** One of them; unchecked text. */
  readonly example?: string;
}

/** How to sync a user. */
export interface Admission {
  /** Where userdb says the other copy is; missing: where the channel says. */
  readonly replica?: string;
}

export interface DovecotUsersOptions {
  readonly auth: AuthClient;
  readonly rules: () => UserRules;
  readonly clock: Clock;
}

/** A refused user is not listed for so long, or each refresh would bring it back for another refusal. */
const refusalMs = 3_600_000;
const refusalsMax = 1_000_000;

/** The users of the local Dovecot, as its userdb knows them. */
export class DovecotUsers {
  readonly #options: DovecotUsersOptions;
  readonly #refusedAt = new Map<UserName, number>();
  #unusable: Unusable = { count: 0 };

  constructor(options: DovecotUsersOptions) {
    this.#options = options;
  }

  /** Listed users whose names we cannot take; as of the last list that was read to its end. */
  get unusable(): Unusable {
    return this.#unusable;
  }

  /** Those that the rules let in, judged by their names. @throws {DsyncdError} as {@link AuthClient.list}. */
  async *list(mask = '*'): AsyncGenerator<UserName> {
    const isWanted = compileMask(mask);
    const isLetIn = this.#nameRule();
    const now = this.#options.clock.elapsed();
    let unusable: Unusable = { count: 0 };
    const refuse = (name: string): void => {
      if (!isLetIn(name)) return;
      const { count, example = name } = unusable;
      unusable = { count: count + 1, example };
    };
    for await (const user of this.#options.auth.list(refuse)) {
      if (!isWanted(user) || !isLetIn(user)) continue;
      const refusedAt = this.#refusedAt.get(user);
      if (refusedAt === undefined || now - refusedAt > refusalMs) yield user;
    }
    this.#unusable = unusable;
  }

  /**
   * Looks the user up, just before a sync.
   * @param replicaField - the userdb field that names another replica
   * @throws {DsyncdError} `DSYNCD_USERDB` (transient), `DSYNCD_DESTINATION` (operator).
   */
  async admit(
    user: UserName,
    replicaField: string | undefined,
    signal: AbortSignal,
  ): Promise<Admission | Refusal> {
    if (!this.#nameRule()(user))
      return this.#refuse(
        user,
        'noreplicate',
        'DSYNCD_EXCLUDED',
        'user_include and user_exclude leave it out',
      );
    const fields = await this.#options.auth.lookUp(user, signal);
    if (fields === undefined)
      return this.#refuse(user, 'nouser', 'DSYNCD_NO_USER', 'userdb does not know it');
    const properUser = properNameOf(user, fields);
    if (properUser !== undefined) {
      const reason = `Dovecot calls this user ${properUser}`;
      return { ...this.#refuse(user, 'nouser', 'DSYNCD_OTHER_NAME', reason), properUser };
    }
    const refusal = this.#refusalBy(user, fields);
    if (refusal !== undefined) return refusal;
    this.#refusedAt.delete(user);
    const replica = replicaField === undefined ? undefined : fields.get(replicaField);
    if (replica === undefined || replica === '') return {};
    return { replica: checkedReplica(user, replica) };
  }

  /** Do the masks let the name in? */
  isLetIn(user: string): boolean {
    return this.#nameRule()(user);
  }

  /** Does userdb still know the user? @throws {DsyncdError} `DSYNCD_USERDB` (transient). */
  async exists(user: UserName, signal: AbortSignal): Promise<boolean> {
    return this.#nameRule()(user) && (await this.#options.auth.lookUp(user, signal)) !== undefined;
  }

  #refusalBy(user: UserName, fields: NonNullable<UserFields>): Refusal | undefined {
    if (isSet(fields.get('noreplicate')))
      return this.#refuse(user, 'noreplicate', 'DSYNCD_NOREPLICATE', 'userdb has noreplicate set for it');
    const { uidMin } = this.#options.rules();
    const uid = fields.get('uid');
    if (uid !== undefined && Number(uid) < uidMin)
      return this.#refuse(
        user,
        'noreplicate',
        'DSYNCD_EXCLUDED',
        `its UID ${uid} is below first_valid_uid = ${uidMin}`,
      );
    return undefined;
  }

  #refuse(user: UserName, outcome: Refusal['outcome'], code: ErrorCode, reason: string): Refusal {
    if (this.#refusedAt.size >= refusalsMax) this.#refusedAt.clear();
    this.#refusedAt.set(user, this.#options.clock.elapsed());
    return { outcome, code, reason };
  }

  #nameRule(): (user: string) => boolean {
    const { include, exclude } = this.#options.rules();
    const [wanted, unwanted] = [include.map(compileMask), exclude.map(compileMask)];
    return (user) => wanted.some((fits) => fits(user)) && !unwanted.some((fits) => fits(user));
  }
}

/** Dovecot's spelling of the name where it is another one (`auth_username_format`): two records would be one user's. */
function properNameOf(user: UserName, fields: NonNullable<UserFields>): UserName | undefined {
  const name = fields.get('user');
  if (name === undefined || name === user || !isUserName(name)) return undefined;
  return name.toLowerCase() === user.toLowerCase() ? name : undefined;
}

/** As Dovecot reads a boolean of userdb: there, and not "no". */
const isSet = (value: string | undefined): boolean => value !== undefined && !/^(no|n|0|false)$/i.test(value);

/** Userdb is trusted, but a typing error there must not become an ssh command or a path. */
function checkedReplica(user: UserName, replica: string): string {
  const { kind } = parseDestination(replica, { doveadmPort: 1 });
  if (kind === 'tcp' || kind === 'ssh') return replica;
  throw new DsyncdError('DSYNCD_DESTINATION', `userdb sends ${quote(user)} to ${quote(replica)}`, {
    outcome: 'operator',
    hint: 'allowed there are tcp:HOST[:PORT], tcps:HOST[:PORT], remote:LOGIN@HOST and remoteprefix:LOGIN@HOST',
  });
}
