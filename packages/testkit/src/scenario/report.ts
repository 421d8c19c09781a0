import type { ComparedMailbox } from './compare.ts';

export interface DemoResult {
  readonly delivered: number;
  /** Mails that LMTP refused for good, with its reply. */
  readonly refused: readonly string[];
  readonly actions: ReadonlyMap<string, number>;
  readonly kills: number;
  readonly syncs: ReadonlyMap<string, number>;
  readonly conflicts: readonly string[];
  readonly lagsMs: readonly number[];
  readonly compared: readonly ComparedMailbox[];
  /** Mails whose bytes on a host are not those that were sent. */
  readonly damaged: readonly string[];
  /** Mails that were acknowledged and not expunged, and are not there (as often as they were delivered). */
  readonly lost: readonly string[];
  /** Mails that are there more often than they were delivered. */
  readonly doubled: readonly string[];
}

const shownConflictsMax = 12;

/** Did every mail survive, once, as it was sent, on both hosts? */
export const isFlawless = ({ compared, damaged, lost, doubled }: DemoResult): boolean =>
  compared.every((mailbox) => mailbox.isEqual) && damaged.length + lost.length + doubled.length === 0;

/** The readable report of a demonstration; `extra` is what one of its kinds has to say beside. */
export function printReport(
  result: DemoResult,
  say: (text: string) => void,
  extra: { readonly lines: readonly string[]; readonly flaws: readonly string[] } = { lines: [], flaws: [] },
): void {
  const list = (counts: ReadonlyMap<string, number>): string =>
    [...counts].map(([name, count]) => `${count} ${name}`).join(', ') || 'none';
  const p = (share: number): string => `${Math.round(percentile(result.lagsMs, share))} ms`;
  say('');
  say(`Delivered         ${result.delivered} mails by LMTP`);
  say(`Changed meanwhile ${list(result.actions)}`);
  if (result.kills > 0) say(`Killed            ${result.kills} programs with kill -9`);
  for (const line of extra.lines) say(line);
  say(`Synced            ${list(result.syncs)}`);
  say(`Lag of new mail   p50 ${p(0.5)}, p99 ${p(0.99)} (${result.lagsMs.length} syncs)`);
  say(`Conflicts merged  ${result.conflicts.length}`);
  for (const conflict of result.conflicts.slice(0, shownConflictsMax)) say(`  ${conflict}`);
  if (result.conflicts.length > shownConflictsMax)
    say(`  ... and ${result.conflicts.length - shownConflictsMax} more`);
  say('');
  const width = Math.max(10, ...result.compared.map(({ user, mailbox }) => user.length + mailbox.length + 1));
  for (const { user, mailbox, mails, isEqual, difference } of result.compared) {
    const name = `${user} ${mailbox}`.padEnd(width);
    say(`  ${name}  ${String(mails).padStart(5)} mails  ${isEqual ? 'equal' : `DIFFERENT: ${difference}`}`);
  }
  const different = result.compared.filter((mailbox) => !mailbox.isEqual).length;
  const mails = result.compared.reduce((sum, mailbox) => sum + mailbox.mails, 0);
  say('');
  const flaws: readonly (readonly [string, readonly string[]])[] = [
    ['Not what was sent', result.damaged],
    ['Refused', result.refused],
    ['Lost', result.lost],
    ['There too often', result.doubled],
    ['Not as it should be', extra.flaws],
  ];
  for (const [what, list] of flaws) for (const flaw of list.slice(0, 5)) say(`${what}: ${flaw}`);
  if (isFlawless(result))
    say(
      `A and B are equal: ${result.compared.length} mailboxes, ${mails} mails, every body byte for byte; none lost.`,
    );
  else
    say(
      `NOT GOOD: ${different} of ${result.compared.length} mailboxes differ, ${result.damaged.length} bodies are damaged, ` +
        `${result.lost.length} mails are lost, ${result.doubled.length} are there too often.`,
    );
}

/** The value below which `share` (0 to 1) of the values lie; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
