/** Random changes have the same outcome as in the memory store, which is the model. */

import {
  asMailboxGuid,
  asMailGuid,
  asUid,
  asUidValidity,
  DsyncdError,
  systemClock,
  systemRandom,
} from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { openMemoryStore } from '../memory/memory-store.ts';
import type { MailboxMail, MailChange, UserMail } from '../port.ts';
import {
  alice,
  allMails,
  Bench,
  bodyOf,
  bytesOf,
  everything,
  type OpenStore,
  present,
  startSeconds,
} from './setup.ts';

const seeds = [1, 2, 3, 4, 5, 6];
const stepCount = 80;

export function randomCases(openStore: OpenStore): void {
  describe('random changes', () => {
    const bench = new Bench(openStore);
    it.each(seeds)('end as in the model, seed %i', async (seed) => {
      const clock = { ...systemClock, now: () => startSeconds * 1000 };
      const model = await openMemoryStore({ clock, random: systemRandom }).open(alice, { create: true });
      const pick = picker(seed);
      for (let step = 0; step < stepCount; step++) {
        const change = randomStep(pick, step);
        expect(await outcome(bench.mail, change), `step ${step}`).toEqual(await outcome(model, change));
      }
      expect(await viewOf(bench.mail)).toEqual(await viewOf(model));
    });
  });
}

type Pick = (count: number) => number;
type Step = (mail: UserMail) => Promise<unknown>;

/** Whole numbers below `count`, the same for the same seed. */
function picker(seed: number): Pick {
  let state = seed * 2_654_435_761;
  return (count) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % count;
  };
}

const names = [['INBOX'], ['a'], ['a', 'b'], ['a', 'b', 'c'], ['d'], ['d', 'b'], ['inbox', 'x']] as const;
const keywords = ['k1', 'k2', '$k3'];

function randomStep(pick: Pick, step: number): Step {
  const path = [...(names[pick(names.length)] ?? ['a'])];
  const other = [...(names[pick(names.length)] ?? ['a'])];
  const at = { changedAt: startSeconds + step };
  const guid = asMailboxGuid(`${pick(12)}`.padStart(32, '0'));
  const identity = { guid, uidValidity: asUidValidity(startSeconds + 1_000_000 + step) };
  const changes = Array.from({ length: 1 + pick(4) }, () => randomChange(pick));
  const inMailbox = async (mail: UserMail, work: (mailbox: MailboxMail) => Promise<unknown>) => {
    const mailbox = await mail.mailboxByPath(path);
    return mailbox && work(mailbox);
  };
  const flip = pick(2) === 0;
  const steps: readonly Step[] = [
    (mail) => mail.createMailbox(path, { ...identity, ...at }).then(({ guid: got }) => got),
    (mail) => mail.createDirectory(path, at),
    (mail) => mail.rename(path, other, at),
    (mail) => inMailbox(mail, (mailbox) => mail.deleteMailbox(mailbox.guid, at)),
    (mail) => mail.deleteDirectory(path, at),
    (mail) => mail.setSubscribed(path, flip, at),
    (mail) => inMailbox(mail, (mailbox) => mail.changeMailboxIdentity(mailbox.guid, identity)),
  ];
  const chosen = steps[pick(40)];
  return (
    chosen ??
    ((mail) =>
      inMailbox(mail, async (mailbox) => {
        const ready = await Promise.all(changes.map((change) => change(mail, mailbox)));
        return (await mailbox.apply(ready)).results;
      }))
  );
}

function randomChange(pick: Pick): (mail: UserMail, mailbox: MailboxMail) => Promise<MailChange> {
  const uid = asUid(1 + pick(30));
  const guid = asMailGuid(`${pick(8)}`.repeat(32));
  const word = keywords[pick(keywords.length)] ?? 'k';
  const [bits, wantsUid, kind] = [pick(32), pick(2) === 0, pick(10)];
  return async (mail, mailbox) => {
    if (kind < 4) {
      const body =
        kind === 0 ? { mailbox: mailbox.guid, uid } : await mail.stageBody(bytesOf(`mail ${guid}\n`));
      return {
        type: 'save',
        guid,
        body,
        flags: bits,
        keywords: [word],
        receivedAt: 1,
        savedAt: 2,
        ...(wantsUid ? { uid } : {}),
      };
    }
    if (kind === 4) return { type: 'flags', uid, addFlags: bits, addKeywords: [word] };
    if (kind === 5) return { type: 'flags', uid, removeFlags: bits, removeKeywords: [word] };
    if (kind === 6) return { type: 'expunge', uid };
    if (kind === 7) return { type: 'expunge', uid, guid };
    if (kind === 8) return { type: 'expunged-elsewhere', uid, guid };
    return { type: 'attribute', attribute: { type: 'shared', key: word, value: guid, changedAt: bits } };
  };
}

async function outcome(mail: UserMail, step: Step): Promise<unknown> {
  try {
    return await step(mail);
  } catch (error) {
    if (error instanceof DsyncdError) return error.code;
    throw error;
  }
}

/** All that a store holds, without what it may choose: INBOX's first GUID, and how far a modseq rises. */
async function viewOf(mail: UserMail): Promise<unknown> {
  const { nodes, deletes } = await mail.tree();
  const view: unknown[] = [];
  for (const { mailbox: status, ...node } of nodes) {
    view.push(node);
    if (status === undefined) continue;
    const mailbox = present(await mail.mailboxByPath(node.path));
    for (const { modSeq, flagModSeqs, ...record } of await allMails(mailbox)) {
      expect(modSeq).toBeLessThanOrEqual(status.highestModSeq);
      const bits = flagModSeqs.flags.map((changed) => changed > 0);
      const words = Object.keys(flagModSeqs.keywords).sort();
      view.push({ ...record, bits, words, body: (await bodyOf(mailbox, record.uid)).toString() });
    }
    const expunges = await mailbox.expunges(everything, 1000);
    view.push(
      expunges.map(({ uid, guid }) => [uid, guid]),
      [status.uidNext, status.messagesCount],
    );
  }
  const records = deletes.map((record) =>
    JSON.stringify(record.type === 'given-up' ? { ...record, guid: 'its own' } : record),
  );
  return { view, deletes: records.sort() };
}
