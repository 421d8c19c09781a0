import { asUid, fail } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { alice, allMails, Bench, bodyOf, type OpenDurableStore, present } from './setup.ts';

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
