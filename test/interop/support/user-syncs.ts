import type { Leader, World } from './world.ts';

/** Syncs of one user, led by one side, with a state as a replicator keeps it: from a success alone. */
export class UserSyncs {
  readonly #world: World;
  readonly #user: string;
  readonly #leader: Leader;
  readonly #keepsState: boolean;
  #state = '';
  /** Why those that failed did, one line each. */
  readonly failures: string[] = [];

  constructor(world: World, of: { user: string; leader: Leader; keepsState: boolean }) {
    this.#world = world;
    this.#user = of.user;
    this.#leader = of.leader;
    this.#keepsState = of.keepsState;
  }

  /** Where the side that follows listens. */
  get toPort(): number {
    return this.#leader === 'ours' ? this.#world.dovecot.place.doveadmPort : this.#world.serverPort;
  }

  /** One sync, however it ends; answers whether it was a success. */
  async sync(port = this.toPort): Promise<boolean> {
    const { isSuccess, state } = await (this.#leader === 'ours' ? this.#byOurs(port) : this.#byDoveadm(port));
    // A failure leaves the state of the success before; an empty one drops it.
    if (state === '') this.#state = '';
    else if (isSuccess && this.#keepsState) this.#state = state ?? '';
    return isSuccess;
  }

  /** Compares everything, whatever a state says. */
  async fullSync(): Promise<boolean> {
    if (this.#leader === 'ours')
      return (await this.#world.trySync(this.toPort, this.#user, 'full')).outcome === 'ok';
    const args = ['sync', '-u', this.#user, '-f', '-s', '', `tcp:127.0.0.1:${this.toPort}`];
    return (await this.#world.dovecot.tryDoveadm(args)).status === 0;
  }

  async #byOurs(port: number): Promise<{ isSuccess: boolean; state: string | undefined }> {
    const { outcome, state, failure } =
      this.#state === ''
        ? await this.#world.trySync(port, this.#user, 'normal')
        : await this.#world.trySync(port, this.#user, 'incremental', this.#state);
    if (failure !== undefined) this.failures.push(`${failure.reason} (${failure.hint ?? 'no hint'})`);
    return { isSuccess: outcome === 'ok', state };
  }

  async #byDoveadm(port: number): Promise<{ isSuccess: boolean; state: string }> {
    const args = ['sync', '-u', this.#user, '-s', this.#state, `tcp:127.0.0.1:${port}`];
    const { status, stdout, stderr } = await this.#world.dovecot.tryDoveadm(args);
    if (status !== 0) this.failures.push(`${status}: ${stderr.trim()}`);
    return { isSuccess: status === 0, state: status === 0 ? stdout.trim() : '' };
  }
}
