import type { ModSeq, Uid } from '@dsyncd/core';
import { guid128, type MailChangeItem } from '@dsyncd/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newProgress } from '../src/index.ts';
import { MailboxImport } from '../src/mailbox/import.ts';
import { headerOf } from '../src/mailbox/sync-mailbox.ts';
import { PlanBudget } from '../src/peer-limits.ts';
import { deliverText, inboxOf, textsOf } from './mails.ts';
import { type SimHost, World } from './world.ts';

/**
 * What a Dovecot tells of the UID of one of our mails: that it has it, that it expunged it (with the GUID of the
 * mail, of another mail, or without any), or nothing.
 */
type Word = 'has' | 'expunged' | 'expunged another' | 'expunged something' | 'nothing';

const words = fc.constantFrom<Word>('has', 'expunged', 'expunged another', 'expunged something', 'nothing');

function changeOf(uid: number, guid: string, word: Exclude<Word, 'nothing'>): MailChangeItem {
  const theirs = {
    has: guid,
    expunged: guid128(guid),
    'expunged another': guid128('another'),
    'expunged something': undefined,
  }[word];
  return {
    type: 'change',
    kind: word === 'has' ? 'save' : 'expunge',
    uid: uid as Uid,
    guid: theirs,
    modSeq: 1 as ModSeq,
    pvtModSeq: 0 as ModSeq,
    addFlags: 0,
    removeFlags: 0,
    finalFlags: 0,
    keywordsReset: false,
    keywords: [],
  };
}

async function importFrom(host: SimHost, told: readonly Word[]): Promise<void> {
  const mailbox = await inboxOf(host);
  const snapshot = await mailbox.status();
  const importer = new MailboxImport({
    user: host.mail,
    mailbox,
    snapshot,
    remote: headerOf(snapshot, false),
    since: { lastCommonUid: 0, localModSeq: 0 },
    isMaster: true,
    peerKeepsExpunges: false,
    isDryRun: false,
    counts: newProgress().counts,
    planned: new PlanBudget('peer'),
    isOneWay: false,
    isFull: true,
  });
  await importer.start();
  for (const { uid, guid } of await mailbox.mails(1 as Uid, 1000)) {
    const word = told[uid - 1] ?? 'nothing';
    if (word !== 'nothing') await importer.addChange(changeOf(uid, guid, word));
  }
  await importer.finishChanges();
  await importer.finish();
}

test('only what a Dovecot says that it expunged is expunged, whatever it says nothing of', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(words, { minLength: 1, maxLength: 8 }), async (told) => {
      const world = await new World(1).open();
      const host = world.host(0);
      for (const index of told.keys()) await deliverText(host, `mail ${index}`);

      await importFrom(host, told);

      const kept = told.flatMap((word, index) => (word === 'expunged' ? [] : [`mail ${index}`]));
      expect(await textsOf(host)).toEqual(kept);
    }),
  );
});

test('a mail that a Dovecot would not take, below one that both have, is offered under a new UID', async () => {
  const world = await new World(1).open();
  const host = world.host(0);
  for (const text of ['both have it', 'never arrived', 'both have this too']) await deliverText(host, text);

  await importFrom(host, ['has', 'nothing', 'has']);

  const mails = await (await inboxOf(host)).mails(1 as Uid, 10);
  expect(mails.map(({ uid }) => uid)).toEqual([1, 3, 4]);
});
