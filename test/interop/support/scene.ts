import { compareSnapshots, type MailSnapshot } from '@dsyncd/testkit';
import type { MailSide } from './mail-side.ts';
import type { Leader, Transport, World } from './world.ts';

export type SyncType = 'incremental' | 'normal' | 'full';

/** One user on both sides, and the syncs between them. */
export class Scene {
  readonly ours: MailSide;
  readonly theirs: MailSide;
  readonly user: string;
  readonly leader: Leader;
  readonly #world: World;
  readonly #transport: Transport;
  #state = '';
  /** What the last sync noted. */
  #said = '';

  constructor(world: World, options: { user: string; leader: Leader; transport: Transport }) {
    this.#world = world;
    this.#transport = options.transport;
    this.user = options.user;
    this.leader = options.leader;
    const { ours, theirs } = world.sides(options.user);
    this.ours = ours;
    this.theirs = theirs;
  }

  /** The side whose changes an incremental sync is sure to find. */
  get leading(): MailSide {
    return this.leader === 'ours' ? this.ours : this.theirs;
  }

  get mailFormat(): string {
    return this.#world.mailFormat;
  }

  /** One sync, led by whoever leads; answers whether another one is to follow. */
  async sync(type: SyncType = 'incremental'): Promise<boolean> {
    if (this.leader === 'ours') {
      const state = type === 'incremental' && this.#state !== '' ? this.#state : undefined;
      const result = await this.#world.engineSync(this.#transport, { user: this.user, type, state });
      this.#state = result.state ?? '';
      this.#said = [...result.notes, ...result.conflicts].join('; ');
      return result.outcome === 'changed';
    }
    const options = { incremental: ['-s', this.#state], normal: [], full: ['-f', '-s', ''] }[type];
    const result = await this.#world.doveadmSync(this.#transport, this.user, ['sync', ...options]);
    if (result.complaints !== '') throw new Error(`doveadm sync said: ${result.complaints}`);
    if (type !== 'normal') this.#state = result.state;
    this.#said = result.noted;
    return result.isChanged;
  }

  /** Any other doveadm command with our server as its destination. */
  async doveadm(...args: readonly string[]): Promise<void> {
    const { complaints } = await this.#world.doveadmSync(this.#transport, this.user, args);
    if (complaints !== '') throw new Error(`doveadm ${args.join(' ')} said: ${complaints}`);
  }

  /**
   * Syncs until both sides are content and equal, then expects further syncs to change nothing.
   * More than one sync is due where both sides changed (an incremental sync finds only what the
   * leader changed, so every other one is normal), and where looking at a Dovecot makes a mailbox out
   * of a mere parent of one.
   */
  async converge(type: SyncType = 'incremental', options: ListOptions = {}): Promise<MailSnapshot> {
    const before = await this.#untilEqual(type, options);
    const kept = withoutBodies(before);
    // Bodies are read again after the last one: to read them takes longer than any sync.
    for (const again of ['incremental', 'full', 'incremental'] as const) {
      if ((await this.sync(again)) && again !== 'incremental')
        throw new Error(`a further ${again} sync says that something changed: ${this.#said}`);
      const after = await this.expectEqual({ ...options, withBodies: false });
      const [difference] = differences(kept, after);
      if (difference !== undefined) throw new Error(`a further ${again} sync changed: ${difference}`);
    }
    if (options.withBodies === true) {
      const [difference] = differences(before, await this.expectEqual(options));
      if (difference !== undefined) throw new Error(`further syncs changed a body: ${difference}`);
    }
    return before;
  }

  async #untilEqual(type: SyncType, options: ListOptions): Promise<MailSnapshot> {
    for (const next of [type, 'incremental', 'normal', 'incremental', 'normal'] as const) {
      if (await this.sync(next)) continue;
      const { ours, theirs } = await this.#list(options);
      if (differences(ours, theirs).length === 0) return ours;
    }
    await this.expectEqual(options);
    throw new Error(`the last sync says that another one should follow: ${this.#said}`);
  }

  async #list(options: ListOptions): Promise<{ ours: MailSnapshot; theirs: MailSnapshot }> {
    const [ours, theirs] = await Promise.all([this.ours.list(options), this.theirs.list(options)]);
    return { ours, theirs };
  }

  async expectEqual(options: ListOptions = {}): Promise<MailSnapshot> {
    const { ours, theirs } = await this.#list(options);
    const found = differences(ours, theirs);
    if (found.length > 0) throw new Error(`ours (A) and theirs (B) differ:\n${found.join('\n')}`);
    return ours;
  }
}

type ListOptions = NonNullable<Parameters<MailSide['list']>[0]>;

export const differences = (a: MailSnapshot, b: MailSnapshot): string[] =>
  compareSnapshots('', a, b)
    .filter(({ isEqual }) => !isEqual)
    .map(({ mailbox, difference }) => `${mailbox}: ${difference}`);

/** Lines of mails end in the hash of the body, where bodies were read. */
const withoutBodies = ({ mailboxes, names }: MailSnapshot): MailSnapshot => ({
  names,
  mailboxes: new Map(
    [...mailboxes].map(([name, mailbox]) => [
      name,
      { ...mailbox, mails: mailbox.mails.map((line) => line.replace(/ body=\w+$/, '')) },
    ]),
  ),
});
