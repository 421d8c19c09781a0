import { asUidValidity, DsyncdError, fail, type MailboxGuid, type UidValidity } from '@dsyncd/core';
import type { NameChange, UserMail } from '@dsyncd/mailstore';
import { type MergedMailbox, type MergedTree, namesInUse } from './merge.ts';
import { inboxKey, isBelow, type PathKey, parentKey, pathOf, type TreeSide } from './side.ts';

/** One step that brings our store nearer to the merged tree. */
export type TreeStep =
  | { readonly type: 'identity'; readonly guid: MailboxGuid; readonly to: MailboxGuid }
  | { readonly type: 'give-up'; readonly guid: MailboxGuid; readonly by: MailboxGuid }
  | { readonly type: 'delete'; readonly guid: MailboxGuid; readonly key: PathKey }
  | { readonly type: 'rename'; readonly from: PathKey; readonly to: PathKey; readonly at: number }
  | {
      readonly type: 'create';
      readonly key: PathKey;
      readonly guid: MailboxGuid;
      readonly uidValidity: UidValidity;
      readonly at: number;
    }
  /** A new INBOX came into being when the old one was renamed: it gets this GUID. */
  | { readonly type: 'adopt-inbox'; readonly guid: MailboxGuid; readonly uidValidity: UidValidity }
  | { readonly type: 'create-directory'; readonly key: PathKey; readonly at: number }
  | { readonly type: 'delete-directory'; readonly key: PathKey }
  | { readonly type: 'subscribe'; readonly key: PathKey; readonly subscribed: boolean; readonly at: number };

/** The steps, in order, that make `local` look like `merged`; none when it does already. */
export function planTree(local: TreeSide, merged: MergedTree): TreeStep[] {
  const names = new NameModel(local);
  const steps: TreeStep[] = [
    ...names.replaceGuids(merged.replacedGuids),
    ...names.deleteAll(merged.deletedMailboxes),
    ...planRenames(names, merged),
    ...planCreations(names, merged),
    ...planDirectories(names, merged),
    ...planSubscriptions(local, merged),
    ...planGivenUp(local, merged),
  ];
  return steps;
}

/** Our names while the plan is made: what is a mailbox and what a directory. */
class NameModel {
  readonly #mailboxOf = new Map<PathKey, MailboxGuid>();
  readonly #keyOf = new Map<MailboxGuid, PathKey>();
  readonly directories = new Set<PathKey>();
  hasNewInbox = false;
  #temporaryNames = 0;

  constructor(side: TreeSide) {
    for (const { key, exists, mailbox } of side.nodes.values()) {
      if (mailbox !== undefined) this.#put(key, mailbox.guid);
      else if (exists) this.directories.add(key);
    }
  }

  keyOf(guid: MailboxGuid): PathKey | undefined {
    return this.#keyOf.get(guid);
  }

  isTaken(key: PathKey): boolean {
    return this.#mailboxOf.has(key) || this.directories.has(key) || (key === inboxKey && this.hasNewInbox);
  }

  replaceGuids(replaced: ReadonlyMap<MailboxGuid, MailboxGuid>): TreeStep[] {
    const steps: TreeStep[] = [];
    for (const [guid, to] of replaced) {
      const key = this.#keyOf.get(guid);
      if (key === undefined) continue;
      this.#keyOf.delete(guid);
      this.#put(key, to);
      steps.push({ type: 'identity', guid, to });
    }
    return steps;
  }

  deleteAll(deleted: ReadonlySet<MailboxGuid>): TreeStep[] {
    const steps: TreeStep[] = [];
    for (const guid of deleted) {
      const key = this.#keyOf.get(guid);
      if (key === undefined) continue;
      this.#keyOf.delete(guid);
      this.#mailboxOf.delete(key);
      if (this.#hasBelow(key)) this.directories.add(key);
      steps.push({ type: 'delete', guid, key });
    }
    return steps;
  }

  /** Renames a name and everything below it (INBOX alone), as the store does. */
  rename(from: PathKey, to: PathKey): void {
    const moved = (key: PathKey): PathKey => to + key.slice(from.length);
    const isMoving = (key: PathKey): boolean => key === from || (from !== inboxKey && isBelow(key, from));
    const mailboxes = [...this.#mailboxOf].filter(([key]) => isMoving(key));
    const directories = [...this.directories].filter(isMoving);
    for (const [key] of mailboxes) this.#mailboxOf.delete(key);
    for (const key of directories) this.directories.delete(key);
    for (const [key, guid] of mailboxes) this.#put(moved(key), guid);
    for (const key of directories) this.directories.add(moved(key));
    this.#addParents(to);
    if (from === inboxKey) this.hasNewInbox = true;
  }

  create(key: PathKey, guid: MailboxGuid): void {
    this.#put(key, guid);
    this.#addParents(key);
  }

  /** A name that nobody has. Should a crash leave it behind, the next sync gives the mailbox its real one. */
  temporaryName(): PathKey {
    let key: PathKey;
    do key = `dsyncd-renaming-${++this.#temporaryNames}`;
    while (this.isTaken(key));
    return key;
  }

  #put(key: PathKey, guid: MailboxGuid): void {
    this.directories.delete(key);
    this.#mailboxOf.set(key, guid);
    this.#keyOf.set(guid, key);
  }

  #addParents(key: PathKey): void {
    for (let parent = parentKey(key); parent !== undefined; parent = parentKey(parent))
      if (!this.#mailboxOf.has(parent)) this.directories.add(parent);
  }

  #hasBelow(key: PathKey): boolean {
    for (const name of this.#mailboxOf.keys()) if (isBelow(name, key)) return true;
    for (const name of this.directories) if (isBelow(name, key)) return true;
    return false;
  }
}

const depthOf = (key: PathKey): number => key.split('\0').length;

function planRenames(names: NameModel, merged: MergedTree): TreeStep[] {
  const steps: TreeStep[] = [];
  const rename = (from: PathKey, to: PathKey, at: number): void => {
    names.rename(from, to);
    steps.push({ type: 'rename', from, to, at });
  };
  const wanted = [...merged.mailboxes.values()].toSorted((a, b) => depthOf(a.key) - depthOf(b.key));
  const isMisnamed = ({ guid, key }: MergedMailbox): boolean => {
    const present = names.keyOf(guid);
    return present !== undefined && present !== key;
  };
  // Moving a name moves everything below it, so a later move may undo an earlier one; parents first
  // settles that after few rounds.
  for (let round = 0; wanted.some(isMisnamed); round++) {
    if (round > wanted.length + 2) fail('mailbox renames do not come to an end');
    for (const mailbox of wanted.filter(isMisnamed)) {
      // What moved with an earlier one of this round may be right by now.
      if (!isMisnamed(mailbox)) continue;
      const { guid, key, namedAt } = mailbox;
      if (key === inboxKey && names.hasNewInbox) continue;
      const from = names.keyOf(guid) ?? fail('a mailbox lost its name');
      if (isBelow(key, from)) rename(from, names.temporaryName(), 0);
      if (names.isTaken(key)) rename(key, names.temporaryName(), 0);
      rename(names.keyOf(guid) ?? fail('a mailbox lost its name'), key, namedAt);
    }
    if (names.hasNewInbox && wanted.every((mailbox) => mailbox.key === inboxKey || !isMisnamed(mailbox)))
      break;
  }
  return steps;
}

function planCreations(names: NameModel, merged: MergedTree): TreeStep[] {
  const steps: TreeStep[] = [];
  for (const { guid, key, uidValidity, namedAt } of merged.mailboxes.values()) {
    if (names.keyOf(guid) !== undefined) continue;
    if (key === inboxKey && names.hasNewInbox) steps.push({ type: 'adopt-inbox', guid, uidValidity });
    else steps.push({ type: 'create', key, guid, uidValidity, at: namedAt });
    names.create(key, guid);
  }
  return steps;
}

function planDirectories(names: NameModel, merged: MergedTree): TreeStep[] {
  const missing = [...merged.directories].filter((key) => !names.isTaken(key));
  const used = namesInUse(merged);
  const unwanted = [...names.directories].filter((key) => !used.has(key));
  return [
    ...missing.map((key): TreeStep => ({ type: 'create-directory', key, at: 0 })),
    ...unwanted
      .toSorted((a, b) => depthOf(b) - depthOf(a))
      .map((key): TreeStep => ({ type: 'delete-directory', key })),
  ];
}

/** What others gave up is remembered here too: a host that still has it may come to us first. */
function planGivenUp(local: TreeSide, merged: MergedTree): TreeStep[] {
  const held = new Set([...local.nodes.values()].flatMap(({ mailbox }) => mailbox?.guid ?? []));
  return [...merged.givenUp]
    .filter(([guid]) => !local.givenUp.has(guid) && !held.has(guid) && !merged.mailboxes.has(guid))
    .map(([guid, by]) => ({ type: 'give-up', guid, by }));
}

function planSubscriptions(local: TreeSide, merged: MergedTree): TreeStep[] {
  const steps: TreeStep[] = [];
  for (const [key, { subscribed, changedAt }] of merged.subscriptions) {
    const present = local.nodes.get(key)?.subscribed ?? false;
    if (present !== subscribed) steps.push({ type: 'subscribe', key, subscribed, at: changedAt });
  }
  return steps;
}

/** Work of one transaction at most: nobody else can use the user's index meanwhile. */
const batchCostMax = 5000;
/** A mailbox that comes or goes has folders on disk. */
const costOf = ({ type }: NameChange): number => (type.endsWith('-mailbox') ? 10 : 1);

/** Steps that inspect a mailbox first: seldom more than a few. */
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
