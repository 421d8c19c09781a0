import { joinTabs } from '@dsyncd/protocol';
import type { SyncTask } from '../port.ts';
import type { CommandResult } from './connection.ts';

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
