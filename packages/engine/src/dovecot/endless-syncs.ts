import type { UserName } from '@dsyncd/core';
import type { SyncTask } from '../port.ts';
import { type GiveCommand, listMailboxGuids, setMailboxGuid } from './mailbox-names.ts';
import type { Verdict } from './verdict.ts';

/** GUIDs by the names of mailboxes. */
type Guids = ReadonlyMap<string, string>;

/** What was seen of a user whose syncs end as "changed" one after the other. */
interface Suspect {
  row: number;
  /** GUIDs that each mailbox had, all of them. */
  readonly seen: Map<string, Set<string>>;
}

/** After so many in a row it is looked into, at two commands a sync; users at work cause one now and then. */
const rowMin = 2;
/** From so many on, the lesser GUID is taken, too. */
const patientRowMax = 5;

/**
 * Ends a dispute that Dovecot 2.3 before 2.3.20 goes on with for ever: where both hosts made a mailbox of the same name
 * in Maildir, each takes over the GUID of the other in every sync, so that they never have the same one. All it says is
 * "changed" (and "Remote lost mailbox GUID" on a terminal).
 *
 * A GUID that a mailbox had, lost and got back is a sure sign: no user can do that. Then the one that it had between belongs
 * to the other host now. Where that is the greater one, which every Dovecot prefers, the mailbox here gets it for good. Where
 * not, the next sync turns it round, as a rule: two hosts that sync by turns may see the same for ever, so after some
 * rounds the lesser one will do. Should both hosts do it at once, they have swapped once more, and go on.
 */
export class GuidDispute {
  readonly #suspects = new Map<string, Suspect>();

  /** Looks before a sync, where those before it make that wise; answers what it needs to know after it. */
  async before(task: SyncTask, give: GiveCommand): Promise<Guids | undefined> {
    const suspect = this.#suspects.get(keyOf(task));
    return suspect !== undefined && suspect.row >= rowMin ? listMailboxGuids(give, task) : undefined;
  }

  /** The verdict, with notes of what was seen and done. */
  async after(
    task: SyncTask,
    verdict: Verdict,
    before: Guids | undefined,
    give: GiveCommand,
  ): Promise<Verdict> {
    const key = keyOf(task);
    if (verdict.outcome !== 'changed') {
      if (verdict.outcome === 'ok') this.#suspects.delete(key);
      return verdict;
    }
    const suspect = this.#suspects.get(key) ?? { row: 0, seen: new Map<string, Set<string>>() };
    suspect.row++;
    this.#suspects.set(key, suspect);
    if (before === undefined) return verdict;
    const notes: string[] = [];
    for (const [name, guid] of (await listMailboxGuids(give, task)) ?? []) {
      const seen = suspect.seen.get(name) ?? new Set<string>();
      suspect.seen.set(name, seen);
      const theirs = before.get(name);
      if (theirs !== undefined && theirs !== guid) {
        notes.push(`${disputeNote} ${name}`);
        const isOurTurn = theirs > guid || suspect.row > patientRowMax;
        if (seen.has(guid) && isOurTurn) notes.push(await this.#settle(task, name, theirs, give));
      }
      for (const each of [theirs, guid]) if (each !== undefined) seen.add(each);
    }
    return { ...verdict, notes: [...verdict.notes, ...notes] };
  }

  async #settle(task: SyncTask, name: string, guid: string, give: GiveCommand): Promise<string> {
    // What begins so would be taken for an option.
    const isDone = !name.startsWith('-') && (await setMailboxGuid(give, task, name, guid));
    return isDone
      ? `both hosts made the mailbox ${name}: it has the GUID of the other host now`
      : `both hosts made the mailbox ${name}; end it on one: doveadm mailbox update -u ${task.user} --mailbox-guid ${guid} ${name}`;
  }
}

const disputeNote = 'the sync gave another GUID to the mailbox';

/** Such a verdict is never "nothing changed". */
export const isDispute = ({ notes }: Verdict): boolean => notes.some((note) => note.startsWith(disputeNote));

const keyOf = ({ user, channel }: SyncTask): string => `${channel}\0${user}`;

/** With the pauses between them, so many take about eight seconds. */
export const unchangedRowMax = 6;

/**
 * Ends what Dovecot would go on with for ever: it says that something changed meanwhile, sync after sync, and
 * the state stays the same. 2.3 does so with a mailbox that has "%" at the end of its name, which it takes for a
 * renamed one each time, also with another Dovecot.
 */
export class EndlessChange {
  readonly #rows = new Map<string, { readonly printed: string; readonly count: number }>();

  /** The verdict, or that the user is done, when it was the same so many times in a row. */
  settle({ user, channel }: SyncTask, verdict: Verdict): Verdict {
    const key = rowKeyOf(user, channel);
    const printed = verdict.state;
    if (verdict.outcome !== 'changed' || !printed || isDispute(verdict)) {
      this.#rows.delete(key);
      return verdict;
    }
    const row = this.#rows.get(key);
    const count = row?.printed === printed ? row.count + 1 : 1;
    this.#rows.set(key, { printed, count });
    if (count < unchangedRowMax) return verdict;
    this.#rows.delete(key);
    return { ...verdict, outcome: 'ok', notes: [...verdict.notes, note] };
  }
}

const note = `Dovecot said ${unchangedRowMax} times in a row that mail changed, but nothing did: taken as done. Has a mailbox "%" in its name?`;

const rowKeyOf = (user: UserName, channel: string): string => `${channel}\0${user}`;
