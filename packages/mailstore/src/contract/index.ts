/**
 * What every MailStore promises, as tests. An implementation's own test file calls
 * {@link mailStoreContract} with a function that opens an empty store.
 */

import { asUid, fail } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { bodyCases } from './body-cases.ts';
import { changeCases } from './change-cases.ts';
import { lockAndLimitCases } from './lock-and-limit-cases.ts';
import { randomCases } from './random-cases.ts';
import { identityCases, renameCases } from './rename-cases.ts';
import { saveCases } from './save-cases.ts';
import { alice, allMails, Bench, bodyOf, type OpenDurableStore, type OpenStore, present } from './setup.ts';
import { treeCases } from './tree-cases.ts';

export type { OpenStore, OpenStoreOptions, StoreUnderTest } from './setup.ts';

/** Declares the contract's cases; `openStore` is called for each and must open an empty store each time. */
export function mailStoreContract(name: string, openStore: OpenStore): void {
  describe(`${name} keeps the contract of MailStore`, () => {
    treeCases(openStore);
    identityCases(openStore);
    renameCases(openStore);
    saveCases(openStore);
    changeCases(openStore);
    bodyCases(openStore);
    lockAndLimitCases(openStore);
    randomCases(openStore);
  });
}

/** The contract of a store that keeps what it was given: the same cases, and what is there when it is opened again. */
export function durableMailStoreContract(name: string, openStore: OpenDurableStore): void {
  mailStoreContract(name, openStore);
  describe(`${name} is durable`, () => durabilityCases(openStore));
}

export function durabilityCases(openStore: OpenDurableStore): void {
  describe('a store that is opened again', () => opensAgain(openStore));
}

function opensAgain(openStore: OpenDurableStore): void {
  let reopen: Awaited<ReturnType<OpenDurableStore>>['reopen'] = () => fail('no store is open');
  const bench = new Bench(async (options) => {
    const opened = await openStore(options);
    ({ reopen } = opened);
    return opened;
  });

  it('has everything that was answered', async () => {
    const inbox = await bench.inbox();
    const record = await bench.save(inbox, 'kept\n', { flags: 8, keywords: ['k'] });
    await inbox.apply([
      { type: 'flags', uid: record.uid, addFlags: 1, removeKeywords: ['k'] },
      { type: 'expunged-elsewhere', uid: asUid(30), guid: record.guid },
      { type: 'attribute', attribute: { type: 'shared', key: 'a', value: 'v', changedAt: 1 } },
    ]);
    const gone = await bench.mail.createMailbox(['gone']);
    await bench.mail.deleteMailbox(gone.guid);
    await bench.mail.setSubscribed(['ghost', 'deep'], true);
    const before = { tree: await bench.mail.tree(), mails: await allMails(inbox) };
    await bench.mail.close();
    const mail = await (await reopen()).open(alice);
    const again = present(await mail.mailboxByPath(['INBOX']));
    expect({ tree: await mail.tree(), mails: await allMails(again) }).toEqual(before);
    expect((await bodyOf(again, record.uid)).toString()).toBe('kept\n');
    expect((await mail.createMailbox(['gone'])).uidValidity).toBeGreaterThan(gone.uidValidity);
    await mail.close();
  });
}
