import { asUidValidity, DsyncdError } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import type { TreeStep } from './plan.ts';
import { inboxKey, pathOf } from './side.ts';

/** Store errors that mean that someone changed the names since they were read; the next sync sees to it. */
const meanwhileChanged = new Set([
  'DSYNCD_STORE_NO_MAILBOX',
  'DSYNCD_STORE_MAILBOX_EXISTS',
  'DSYNCD_STORE_BAD_RENAME',
]);

/**
 * Does the steps on the store.
 * @returns a line for each step that could not be done because the names changed meanwhile.
 */
export async function applyTreeSteps(user: UserMail, steps: readonly TreeStep[]): Promise<string[]> {
  const skipped: string[] = [];
  for (const step of steps) {
    try {
      await applyStep(user, step);
    } catch (error) {
      if (!(error instanceof DsyncdError) || !meanwhileChanged.has(error.code)) throw error;
      skipped.push(`${step.type} of a mailbox was overtaken: ${error.message}`);
    }
  }
  return skipped;
}

async function applyStep(user: UserMail, step: TreeStep): Promise<void> {
  switch (step.type) {
    case 'identity': {
      const { uidValidity } = await (await user.mailbox(step.guid)).status();
      return user.changeMailboxIdentity(step.guid, { guid: step.to, uidValidity });
    }
    case 'give-up':
      return user.noteGivenUp(step.guid, step.by);
    case 'delete':
      return user.deleteMailbox(step.guid);
    case 'rename':
      return user.rename(pathOf(step.from), pathOf(step.to), { changedAt: step.at });
    case 'create': {
      const { key, guid, uidValidity, at } = step;
      await user.createMailbox(pathOf(key), {
        guid,
        changedAt: at,
        ...(uidValidity > 0 ? { uidValidity } : {}),
      });
      return;
    }
    case 'adopt-inbox': {
      const inbox = await user.mailboxByPath(pathOf(inboxKey));
      if (inbox === undefined) return;
      const { uidValidity } = await inbox.status();
      return user.changeMailboxIdentity(inbox.guid, {
        guid: step.guid,
        uidValidity: asUidValidity(Math.max(step.uidValidity, uidValidity)),
      });
    }
    case 'create-directory':
      return user.createDirectory(pathOf(step.key), { changedAt: step.at });
    case 'delete-directory':
      return user.deleteDirectory(pathOf(step.key));
    case 'subscribe':
      return user.setSubscribed(pathOf(step.key), step.subscribed, { changedAt: step.at });
  }
}
