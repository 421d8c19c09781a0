import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  Dovecot,
  dovecotProblem,
  dovecotVersions,
  listDovecot,
  sampleMail,
  seededRandom,
} from '../src/index.ts';

const user = 'jane@example.com';

describe.each(dovecotVersions)('the rig of Dovecot %s', (version) => {
  const problem = dovecotProblem(version);
  const mailFormats = ['sdbox', 'maildir'] as const;

  it.skipIf(problem !== undefined)('runs instances side by side that share nothing', async () => {
    const both = await Promise.all(
      mailFormats.map((mailFormat) => Dovecot.start({ version, mailFormat, users: [user] })),
    );
    const [one, other] = both;
    if (one === undefined || other === undefined) throw new Error('two were asked for');
    try {
      await one.deliver(user, [sampleMail(seededRandom(1), 1).body]);
      await one.doveadm(['mailbox', 'create', '-u', user, '-s', 'Ärger & more']);
      await one.doveadm(['flags', 'add', '-u', user, '\\Seen $Label', 'mailbox', 'INBOX']);
      await one.doveadm(['mailbox', 'metadata', 'set', '-u', user, 'INBOX', '/private/comment', 'hi']);
      const listed = await listDovecot(one, user, { withBodies: true, attributesOf: ['INBOX'] });
      expect(listed.names).toEqual(['Ärger & more subscribed']);
      expect([...listed.mailboxes.keys()].sort()).toEqual(['INBOX', 'Ärger & more']);
      const inbox = listed.mailboxes.get('INBOX');
      expect(inbox?.mails).toHaveLength(1);
      expect(inbox?.mails[0]).toMatch(
        /^uid=1 guid=\S+ flags=\$Label \\Seen size=\d+ received=\d+ body=\w{64}$/,
      );
      expect(inbox?.attributes).toEqual(['private comment=hi']);
      expect((await listDovecot(other, user)).mailboxes.get('INBOX')?.mails ?? []).toEqual([]);
    } finally {
      await Promise.all(both.map((dovecot) => dovecot.stop()));
    }
    expect(both.map((dovecot) => dovecot.isRunning || existsSync(dovecot.place.folder))).toEqual([
      false,
      false,
    ]);
  });
});
