/** What a worker can be asked to do. Each call is one hop there and back. */

import type { MailboxGuid, MailboxPath } from '@dsyncd/core';
import type { MailboxStatus } from '../../port.ts';
import { apply } from './apply.ts';
import { lostBodies, readBody, restoreBody } from './lost-bodies.ts';
import {
  findBodies,
  readAttributes,
  readChangedMails,
  readExpunges,
  readMail,
  readMails,
  readMailsByGuid,
  readStatus,
} from './mail-reads.ts';
import { rebuildIndex } from './rebuild.ts';
import { leftoverAgeMs, sweep } from './sweep.ts';
import { releaseSyncLock, takeSyncLock } from './sync-lock-file.ts';
import {
  changeAllNames,
  changeIdentity,
  createDirectory,
  createMailbox,
  deleteDirectory,
  deleteMailbox,
  guidOfPath,
  noteGivenUp,
  readTree,
  rename,
  setSubscribed,
} from './tree-operations.ts';
import type { UserIndex } from './user-index.ts';

/** On an open index. */
export const indexOperations = {
  readTree,
  changeAllNames,
  createMailbox,
  createDirectory,
  deleteDirectory,
  setSubscribed,
  rename,
  deleteMailbox,
  changeIdentity,
  noteGivenUp,
  guidOfPath: (index: UserIndex, path: MailboxPath): MailboxGuid | undefined => guidOfPath(index, path),
  readStatus: (index: UserIndex, guid: MailboxGuid): MailboxStatus => readStatus(index, guid),
  readMails,
  readChangedMails,
  readExpunges,
  readMail,
  readMailsByGuid,
  readAttributes,
  findBodies,
  readBody,
  lostBodies,
  restoreBody,
  apply,
  sweepNow: (index: UserIndex, now: number, olderThanMs: number = leftoverAgeMs): number => {
    const steps = sweep(index, now - olderThanMs);
    for (let step = steps.next(); ; step = steps.next()) if (step.done) return step.value;
  },
} as const;

/** On a home whose index may be missing or damaged. */
export const homeOperations = {
  takeSyncLock,
  releaseSyncLock,
  rebuildIndex,
} as const;

export type IndexOperations = typeof indexOperations;
export type HomeOperations = typeof homeOperations;

type Rest<Operation> = Operation extends (first: infer _First, ...rest: infer Args) => infer Result
  ? { readonly args: Args; readonly result: Awaited<Result> }
  : never;

export type Operations = {
  readonly [Name in keyof IndexOperations]: Rest<IndexOperations[Name]>;
} & { readonly [Name in keyof HomeOperations]: Rest<HomeOperations[Name]> } & {
  readonly open: {
    readonly args: [
      options: { create: boolean; nowSeconds: number; inboxGuid: MailboxGuid; mailboxesMax: number },
    ];
    readonly result: undefined;
  };
};
