import { sampleMail, seededRandom } from '@dsyncd/testkit';
import { expect } from 'vitest';
import type { Scene } from './scene.ts';

export interface Scenario {
  readonly name: string;
  readonly run: (scene: Scene) => Promise<void>;
}

let mailNumber = 0;
const mail = (bytes = 500): Buffer => {
  mailNumber++;
  return sampleMail(seededRandom(mailNumber), mailNumber, bytes).body;
};
export const mails = (count: number, bytes?: number): Buffer[] =>
  Array.from({ length: count }, () => mail(bytes));

/** Made once: to make them takes as long as to sync them. Each cell of the matrix has them in a user of its own. */
let bigMails: readonly Buffer[] | undefined;
const bigPair = (): readonly Buffer[] => {
  bigMails ??= mails(2, 30_000_000);
  return bigMails;
};

async function begin({ theirs }: Scene): Promise<void> {
  await theirs.save('INBOX', [mail()]);
  await theirs.save('INBOX', [mail()]);
  await theirs.save('INBOX', [mail()]);
}

export const scenarios: readonly Scenario[] = [
  {
    name: 'first sync of mail that only Dovecot has',
    async run(scene) {
      await begin(scene);
      await scene.theirs.create('Work/2026');
      await scene.theirs.save('Work/2026', [mail()]);
      await scene.theirs.addFlags('INBOX', 2, ['\\Seen', '$Label']);
      const { mailboxes } = await scene.converge('full', { withBodies: true });
      expect(mailboxes.get('INBOX')?.mails).toHaveLength(3);
      expect(mailboxes.get('Work/2026')?.mails).toHaveLength(1);
    },
  },
  {
    name: 'first sync of mail that only we have',
    async run(scene) {
      await scene.ours.save('INBOX', mails(3));
      await scene.ours.create('Work/2026');
      await scene.ours.save('Work/2026', mails(2));
      await scene.ours.addFlags('INBOX', 2, ['\\Seen', '\\Flagged', '$Label']);
      const { mailboxes } = await scene.converge('full', { withBodies: true });
      expect(mailboxes.get('INBOX')?.mails).toHaveLength(3);
      expect(mailboxes.get('Work/2026')?.mails).toHaveLength(2);
    },
  },
  {
    name: 'first sync of mail that both have',
    async run(scene) {
      await begin(scene);
      await scene.ours.save('INBOX', mails(2));
      await scene.ours.create('Both');
      await scene.theirs.create('Both');
      await scene.ours.save('Both', mails(1));
      await scene.theirs.save('Both', mails(1));
      const { mailboxes } = await scene.converge('full', { withBodies: true });
      expect(mailboxes.get('INBOX')?.mails).toHaveLength(5);
      expect(mailboxes.get('Both')?.mails).toHaveLength(2);
    },
  },
  {
    name: 'new mail on either side, and on both at once',
    async run(scene) {
      await begin(scene);
      await scene.converge('full');
      await scene.leading.save('INBOX', mails(1));
      await scene.sync('incremental');
      await scene.expectEqual();
      await scene.theirs.save('INBOX', mails(1));
      await scene.converge();
      await scene.ours.save('INBOX', mails(1));
      await scene.converge();
      await scene.theirs.save('INBOX', mails(1));
      await scene.ours.save('INBOX', mails(2));
      const { mailboxes } = await scene.converge('incremental', { withBodies: true });
      expect(mailboxes.get('INBOX')?.mails).toHaveLength(9);
    },
  },
  {
    name: 'normal syncs find what changed',
    async run(scene) {
      await begin(scene);
      await scene.converge('full');
      await scene.theirs.save('INBOX', mails(1));
      // Where both sides counted alike, only a full sync would find out.
      await scene.ours.save('INBOX', mails(2));
      const { mailboxes } = await scene.converge('normal');
      expect(mailboxes.get('INBOX')?.mails).toHaveLength(6);
    },
  },
  {
    name: 'flags and keywords, changed on either side and on both at once',
    async run(scene) {
      const { ours, theirs } = scene;
      await begin(scene);
      await scene.converge('full');
      await theirs.addFlags('INBOX', 1, ['\\Seen', '$Forwarded']);
      await ours.addFlags('INBOX', 2, ['\\Flagged', 'NonJunk', '$Forwarded']);
      await scene.converge();
      await theirs.removeFlags('INBOX', 2, ['\\Flagged', 'NonJunk']);
      await ours.removeFlags('INBOX', 1, ['\\Seen', '$Forwarded']);
      await scene.converge();
      await theirs.addFlags('INBOX', 3, ['\\Seen', 'theirs']);
      await ours.addFlags('INBOX', 3, ['\\Answered', 'ours']);
      const { mailboxes } = await scene.converge();
      expect(mailboxes.get('INBOX')?.mails[2]).toContain('flags=\\Answered \\Seen ours theirs ');
      expect(mailboxes.get('INBOX')?.mails[1]).toContain('flags=$Forwarded ');
    },
  },
  {
    name: 'expunges on either side, of the same mail, and against a flag change',
    async run(scene) {
      const { ours, theirs } = scene;
      await begin(scene);
      await scene.converge('full');
      await ours.save('INBOX', mails(4));
      await scene.converge('full');
      await theirs.expunge('INBOX', 1);
      await ours.expunge('INBOX', 2);
      await scene.converge();
      await theirs.expunge('INBOX', 3);
      await ours.expunge('INBOX', 3);
      await theirs.expunge('INBOX', 4);
      await ours.addFlags('INBOX', 4, ['\\Seen']);
      await ours.expunge('INBOX', 5);
      await theirs.addFlags('INBOX', 5, ['\\Seen']);
      const { mailboxes } = await scene.converge();
      expect(mailboxes.get('INBOX')?.mails).toHaveLength(2);
      await ours.expunge('INBOX', 7);
      await theirs.save('INBOX', mails(1));
      await scene.converge('full');
    },
  },
  {
    name: 'odd and nested mailbox names',
    async run(scene) {
      const { ours, theirs } = scene;
      const names = [
        'Two words',
        'Fish & Chips',
        'Ärger/Füße/日本語',
        '100%',
        'a-&-b',
        "it's",
        '*star',
        '#hash',
        'ünïcödé &- x',
      ];
      const dotted = scene.mailFormat === 'sdbox' ? ['v1.2', 'x.y/z.'] : [];
      for (const [index, name] of [...names, ...dotted].entries()) {
        await theirs.create(`theirs ${index}/${name}`);
        await ours.create(`ours ${index}/${name}`);
      }
      for (const name of [...names, ...dotted]) await theirs.create(name);
      // A Dovecot cannot have these, and makes other names of them.
      await ours.create('~tilde');
      if (scene.mailFormat === 'maildir') await ours.create('ours 1.2');
      await ours.save('ours 0/Two words', mails(1));
      await ours.subscribe('ours 1/Fish & Chips', true);
      await theirs.subscribe('Fish & Chips', true);
      const { mailboxes } = await scene.converge('full');
      const altered = scene.mailFormat === 'maildir' ? ['_~tilde', 'ours 1_2'] : ['_~tilde'];
      expect([...mailboxes.keys()]).toEqual(expect.arrayContaining([...names, ...dotted, ...altered]));
    },
  },
  {
    name: 'renames, of trees and in circles',
    async run(scene) {
      const { ours, theirs } = scene;
      for (const name of ['a', 'b', 'c', 'tree/x/deep', 'tree/y']) {
        await theirs.create(name);
        await theirs.save(name, mails(1));
      }
      await scene.converge('full');
      await theirs.rename('a', 'spare');
      await theirs.rename('b', 'a');
      await theirs.rename('c', 'b');
      await theirs.rename('spare', 'c');
      await scene.converge();
      await ours.rename('a', 'spare');
      await ours.rename('b', 'a');
      await ours.rename('spare', 'b');
      await scene.converge();
      await theirs.rename('tree', 'wood');
      await scene.converge();
      await ours.rename('wood/x', 'grove');
      const { mailboxes } = await scene.converge('incremental', { withBodies: true });
      expectNames(mailboxes, {
        present: ['a', 'b', 'c', 'grove/deep', 'wood/y'],
        absent: ['spare', 'tree/y', 'wood/x/deep'],
      });
      await theirs.rename('a', 'theirs');
      await ours.rename('a', 'ours');
      await scene.converge();
    },
  },
  {
    name: 'deleted mailboxes, also while the other side gets mail in them',
    async run(scene) {
      const { ours, theirs } = scene;
      for (const name of ['a', 'b', 'c', 'd/e']) {
        await theirs.create(name);
        await theirs.save(name, mails(1));
      }
      await scene.converge('full');
      await theirs.remove('a');
      await ours.remove('b');
      await scene.converge();
      await theirs.remove('c');
      await ours.save('c', mails(1));
      await ours.remove('d/e');
      const { mailboxes } = await scene.converge();
      expectNames(mailboxes, { present: ['INBOX'], absent: ['a', 'b', 'c', 'd/e'] });
      await ours.create('a');
      await ours.save('a', mails(1));
      await theirs.create('b');
      await scene.converge();
    },
  },
  {
    name: 'subscriptions',
    async run(scene) {
      const { ours, theirs } = scene;
      await theirs.create('a');
      await theirs.create('b');
      await theirs.subscribe('a', true);
      await theirs.subscribe('not there', true);
      await ours.subscribe('b', true);
      const { names } = await scene.converge('full');
      expect(names).toEqual(['a subscribed', 'b subscribed', 'not there subscribed']);
      // Subscriptions have a resolution of a second.
      await nextSecond();
      await theirs.subscribe('b', false);
      await ours.subscribe('a', false);
      expect((await scene.converge()).names).toEqual(['not there subscribed']);
    },
  },
  {
    name: 'attributes',
    async run(scene) {
      const { ours, theirs } = scene;
      const attributesOf = ['INBOX', 'a'];
      await theirs.create('a');
      await theirs.setAttribute('INBOX', '/private/comment', 'ours to see');
      await theirs.setAttribute('a', '/shared/comment', 'Ärger\nmit Zeilen');
      await ours.setAttribute('INBOX', '/shared/comment', 'theirs to see');
      await scene.converge('full', { attributesOf });
      await nextSecond();
      await theirs.setAttribute('INBOX', '/private/comment', 'changed');
      await ours.setAttribute('INBOX', '/shared/comment', 'changed too');
      await ours.setAttribute('a', '/shared/comment', undefined);
      const { mailboxes } = await scene.converge('incremental', { attributesOf });
      expect(mailboxes.get('INBOX')?.attributes).toEqual([
        'private comment=changed',
        'shared comment=changed too',
      ]);
      expect(mailboxes.get('a')?.attributes).toEqual([]);
    },
  },
  {
    name: '2,000 mails',
    async run(scene) {
      await scene.theirs.save('INBOX', mails(2000, 300));
      await scene.ours.save('INBOX', mails(3));
      await scene.theirs.addFlags('INBOX', '*', ['\\Seen']);
      const { mailboxes } = await scene.converge('full');
      expect(mailboxes.get('INBOX')?.mails).toHaveLength(2003);
    },
  },
  {
    name: 'a mail of 30 MB',
    async run(scene) {
      const bodies = bigPair();
      await scene.theirs.save('INBOX', bodies.slice(0, 1));
      await scene.ours.save('INBOX', bodies.slice(1));
      await scene.converge('full', { withBodies: true });
    },
  },
];

/** A Dovecot may have mailboxes where others have only the parent of one, so their names are left open. */
function expectNames(
  mailboxes: ReadonlyMap<string, unknown>,
  { present, absent }: { readonly present: readonly string[]; readonly absent: readonly string[] },
): void {
  const names = [...mailboxes.keys()];
  expect(names).toEqual(expect.arrayContaining([...present]));
  expect(names.filter((name) => absent.includes(name))).toEqual([]);
}

const nextSecond = async (): Promise<void> => {
  const second = Math.floor(Date.now() / 1000);
  while (Math.floor(Date.now() / 1000) === second) await new Promise((wake) => setTimeout(wake, 20));
};
