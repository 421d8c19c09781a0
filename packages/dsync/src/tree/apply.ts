import { asUidValidity, DsyncdError } from '@dsyncd/core';
import type { NameChange, UserMail } from '@dsyncd/mailstore';
import type { TreeStep } from './plan.ts';
import { inboxKey, pathOf } from './side.ts';

/** Work of one transaction at most: nobody else can use the user's index meanwhile. */
const batchCostMax = 5000;
/** A mailbox that comes or goes has folders on disk. */
const costOf = ({ type }: NameChange): number => (type.endsWith('-mailbox') ? 10 : 1);

/** Steps that look at a mailbox first: seldom more than a few. */
type IdentityStep = TreeStep & { readonly type: 'identity' | 'adopt-inbox' };

/**
 * Does the steps on the store, many in one transaction.
 * @returns a line for each step that could not be done because the names changed meanwhile; the next sync sees to it.
 */
export async function applyTreeSteps(user: UserMail, steps: readonly TreeStep[]): Promise<string[]> {
  const batch = new Batch(user);
  for (const step of steps) {
    if (step.type === 'identity' || step.type === 'adopt-inbox') {
      await batch.flush();
      await batch.skipIfOvertaken(step.type, () => applyIdentity(user, step));
    } else await batch.add(step.type, changeOf(step));
  }
  await batch.flush();
  return batch.skipped;
}

class Batch {
  readonly skipped: string[] = [];
  readonly #user: UserMail;
  #types: string[] = [];
  #changes: NameChange[] = [];
  #cost = 0;

  constructor(user: UserMail) {
    this.#user = user;
  }

  async add(type: TreeStep['type'], change: NameChange): Promise<void> {
    this.#types.push(type);
    this.#changes.push(change);
    this.#cost += costOf(change);
    if (this.#cost >= batchCostMax) await this.flush();
  }

  async flush(): Promise<void> {
    const [types, changes] = [this.#types, this.#changes];
    if (changes.length === 0) return;
    this.#types = [];
    this.#changes = [];
    this.#cost = 0;
    const reasons = await this.#user.changeNames(changes);
    for (const [index, reason] of reasons.entries())
      if (reason !== undefined) this.#skip(types[index] ?? 'change', reason);
  }

  async skipIfOvertaken(type: TreeStep['type'], work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof DsyncdError) || !meanwhileChanged.has(error.code)) throw error;
      this.#skip(type, error.message);
    }
  }

  #skip(type: string, reason: string): void {
    this.skipped.push(`${type} of a mailbox was overtaken: ${reason}`);
  }
}

/** Store errors that mean that someone changed the names since they were read. */
const meanwhileChanged = new Set(['DSYNCD_STORE_NO_MAILBOX', 'DSYNCD_STORE_MAILBOX_EXISTS']);

async function applyIdentity(user: UserMail, step: IdentityStep): Promise<void> {
  if (step.type === 'identity') {
    const { uidValidity } = await (await user.mailbox(step.guid)).status();
    return user.changeMailboxIdentity(step.guid, { guid: step.to, uidValidity });
  }
  const inbox = await user.mailboxByPath(pathOf(inboxKey));
  if (inbox === undefined) return;
  const { uidValidity } = await inbox.status();
  return user.changeMailboxIdentity(inbox.guid, {
    guid: step.guid,
    uidValidity: asUidValidity(Math.max(step.uidValidity, uidValidity)),
  });
}

function changeOf(step: Exclude<TreeStep, IdentityStep>): NameChange {
  switch (step.type) {
    case 'give-up':
      return { type: 'note-given-up', guid: step.guid, by: step.by };
    case 'delete':
      return { type: 'delete-mailbox', guid: step.guid };
    case 'rename':
      return { type: 'rename', from: pathOf(step.from), to: pathOf(step.to), changedAt: step.at };
    case 'create': {
      const { key, guid, uidValidity, at } = step;
      const given = uidValidity > 0 ? { uidValidity } : {};
      return { type: 'create-mailbox', path: pathOf(key), guid, changedAt: at, ...given };
    }
    case 'create-directory':
      return { type: 'create-directory', path: pathOf(step.key), changedAt: step.at };
    case 'delete-directory':
      return { type: 'delete-directory', path: pathOf(step.key) };
    case 'subscribe':
      return { type: 'subscribe', path: pathOf(step.key), subscribed: step.subscribed, changedAt: step.at };
  }
}
