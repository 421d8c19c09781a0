import { DsyncdError } from '@dsyncd/core';
import { joinTabs } from '@dsyncd/protocol';
import type { SyncTask } from '../port.ts';
import type { CommandResult } from './doveadm-command.ts';
import type { Verdict } from './verdict.ts';

/** As dsync makes it. */
const conflictName = /-temp-(?:[0-9a-f]{1,8}|[0-9a-f]{32})$/;
/** At most so many are named. */
const namesMax = 3;

/** Names of a user's mailboxes that fit a mask of IMAP; none where Dovecot does not say. */
async function listNames(give: GiveCommand, { user }: SyncTask, mask: string): Promise<readonly string[]> {
  try {
    const { answer } = await give(`${joinTabs(['', user, 'mailbox list', '-u', user, mask])}\n`);
    return answer?.word === '+' ? answer.output.filter((name) => name !== '') : [];
  } catch {
    // What is asked here only explains; the sync itself has ended already.
    return [];
  }
}

/**
 * Notes of mailboxes that dsync has named itself: where two wanted the same name, one is called NAME-temp-1 or NAME-temp-GUID
 * for good, on both hosts. Nobody but a person can say whether they belong together.
 */
export async function noteConflictNames(give: GiveCommand, task: SyncTask): Promise<readonly string[]> {
  const names = await listNames(give, task, '*-temp-*');
  return names
    .filter((name) => conflictName.test(name))
    .map(
      (name) =>
        `the mailbox ${name} has the name that dsync gives where two wanted the same: move its mails where they belong, and delete it`,
    );
}

/** Failures that say nothing of their cause. */
const unexplained: ReadonlySet<string> = new Set([
  'DSYNCD_DOVECOT_TEMPFAIL',
  'DSYNCD_DOVECOT_FAILED',
  'DSYNCD_DOVEADM_DIED',
]);
const nameCode = 'DSYNCD_MAILBOX_NAME';
const nameHint =
  'add :BROKENCHAR=^ to mail_location of the Dovecot 2.3 on both hosts and reload, install 2.3.21, or rename the mailbox';

/** The same verdict, or with the cause: Dovecot 2.3 before 2.3.21 may fail for a "%" in the name of a mailbox without a word of it. */
export async function explainByName(give: GiveCommand, task: SyncTask, verdict: Verdict): Promise<Verdict> {
  const { failure } = verdict;
  if (failure === undefined || !unexplained.has(failure.code)) return verdict;
  const reason = await percentReason(give, task, failure.reason);
  return reason === undefined ? verdict : { ...verdict, failure: { code: nameCode, reason, hint: nameHint } };
}

/** The same for a doveadm process that died. */
export async function explainExitByName(
  give: GiveCommand,
  task: SyncTask,
  error: DsyncdError,
): Promise<DsyncdError> {
  if (!unexplained.has(error.code)) return error;
  const reason = await percentReason(give, task, error.message);
  return reason === undefined
    ? error
    : new DsyncdError(nameCode, reason, { outcome: 'transient', hint: nameHint });
}

async function percentReason(give: GiveCommand, task: SyncTask, said: string): Promise<string | undefined> {
  // "%" is a wildcard in a mask.
  const names = (await listNames(give, task, '*')).filter((name) => /%[0-9a-f]{2}|%$|%\//i.test(name));
  if (names.length === 0) return undefined;
  return `${said}; Dovecot before 2.3.21 cannot replicate names with "%": ${names.slice(0, namesMax).join(', ')}`;
}

/** Gives a command to the Dovecot of this host: its words, as they stand after the user. */
export type GiveCommand = (line: string) => Promise<CommandResult>;

/**
 * The GUID of each mailbox of a user by name.
 * @throws {DsyncdError} when no answer comes; undefined when Dovecot does not allow or know the command
 */
export async function listMailboxGuids(
  give: GiveCommand,
  { user }: Pick<SyncTask, 'user'>,
): Promise<ReadonlyMap<string, string> | undefined> {
  const { answer } = await give(`${joinTabs(['', user, 'mailbox status', '-u', user, 'guid', '*'])}\n`);
  if (answer?.word !== '+') return undefined;
  const guids = new Map<string, string>();
  // Values of all rows, one after the other.
  for (let index = 0; index + 1 < answer.output.length; index += 2) {
    const [name = '', guid = ''] = answer.output.slice(index, index + 2);
    guids.set(name, guid);
  }
  return guids;
}

/** True when it was done. @throws {DsyncdError} when no answer comes */
export async function setMailboxGuid(
  give: GiveCommand,
  { user }: Pick<SyncTask, 'user'>,
  mailbox: string,
  guid: string,
): Promise<boolean> {
  const words = ['', user, 'mailbox update', '-u', user, '--mailbox-guid', guid, mailbox];
  const { answer } = await give(`${joinTabs(words)}\n`);
  return answer?.word === '+';
}
