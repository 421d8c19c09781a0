import { asUid } from '@dsyncd/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { hasDovecot } from './dovecot-home.ts';

/** Whole numbers below `count`, the same for the same seed. */
function picker(seed: number): (count: number) => number {
  let state = seed * 2_654_435_761;
  return (count) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % count;
  };
}

const boxes = ['INBOX', 'Work', 'Später'];

describe.skipIf(!hasDovecot)('whatever the store and Dovecot do between imports', () => {
  let bench: Bench;
  let expunged: Set<string>;
  let moved: Set<string>;
  let saved: string[];
  beforeEach(async () => {
    bench = await Bench.create();
    expunged = new Set();
    moved = new Set();
    saved = [];
  });
  afterEach(() => bench.dovecot.dispose());

  const newSubject = (): string => {
    saved.push(`mail${saved.length}`);
    return saved.at(-1) ?? '';
  };
  const subjectOf = (text: string): string => /Subject: (\w+)/.exec(text)?.[1] ?? '';

  async function storeDoes(pick: (count: number) => number): Promise<void> {
    const mailbox = await bench.box(boxes[pick(3)] ?? '');
    const mails = await mailbox.mails(asUid(1), 100);
    const mail = mails[pick(Math.max(1, mails.length))];
    const kind = pick(4);
    if (kind < 2 || mail === undefined) await bench.save(mailbox, `Subject: ${newSubject()}\n\nhere\n`);
    else if (kind === 2)
      await mailbox.apply([{ type: 'flags', uid: mail.uid, addFlags: 1 + pick(31), addKeywords: ['here'] }]);
    else {
      expunged.add(subjectOf(await bench.body(mailbox, mail.uid)));
      await mailbox.apply([{ type: 'expunge', uid: mail.uid }]);
    }
  }

  async function dovecotDoes(pick: (count: number) => number): Promise<void> {
    const name = boxes[pick(3)] ?? '';
    const mails = await bench.dovecot.json('fetch', 'uid text', 'mailbox', name);
    const mail = mails[pick(Math.max(1, mails.length))];
    const which = ['mailbox', name, 'uid', mail?.uid ?? ''];
    const kind = pick(6);
    if (kind < 2 || mail === undefined) await bench.dovecot.save(name, `Subject: ${newSubject()}\n\nthere\n`);
    else if (kind === 2) await bench.dovecot.doveadm(['flags', 'add', '\\Seen there', ...which]);
    else if (kind < 5) {
      moved.add(subjectOf(mail.text ?? ''));
      await bench.dovecot.doveadm(['move', boxes[pick(3)] ?? '', ...which]);
    } else {
      expunged.add(subjectOf(mail.text ?? ''));
      await bench.dovecot.doveadm(['expunge', ...which]);
    }
  }

  it.each([1, 2, 3, 4, 5, 6])('every mail that no one expunged is there once, seed %i', async (seed) => {
    const pick = picker(seed);
    for (const name of boxes) await bench.box(name);
    for (let count = 0; count < 8; count++) await storeDoes(pick);
    await bench.export();
    for (let round = 0; round < 4; round++) {
      for (let count = 0; count < 6; count++) await (pick(2) === 0 ? storeDoes(pick) : dovecotDoes(pick));
      await bench.import();
      const view = Object.values(await bench.storeView()).flat() as readonly { text: string }[];
      const subjects = view.map(({ text }) => subjectOf(text));
      const kept = saved.filter((subject) => !expunged.has(subject));
      expect(subjects.filter((subject) => !expunged.has(subject)).sort(), `round ${round}`).toEqual(
        kept.sort(),
      );
      expect(
        subjects.filter((subject) => expunged.has(subject) && !moved.has(subject)),
        'gone',
      ).toEqual([]);
      expect(subjects.length, 'nothing is doubled').toBe(new Set(subjects).size);
      expect(await bench.import()).toMatchObject({ saved: 0, flagsChanged: 0, expunged: 0, problems: [] });
    }
  });
});
