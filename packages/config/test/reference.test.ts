import { expect, test } from 'vitest';
import { referenceText } from '../src/index.ts';

test('the reference has a section a table and a row a setting', () => {
  const text = referenceText();
  expect(text.match(/^## .*/gm)).toEqual([
    '## Top level',
    '## `[channels.NAME]`',
    '## `[dovecot]`',
    '## `[ssl]`',
    '## `[ssh]`',
    '## `[redis]`',
    '## `[listeners.notify]`',
    '## `[listeners.replicator]`',
    '## `[listeners.doveadm]`',
    '## `[listeners.lmtp]`',
    '## `[listeners.http]`',
    '## `[consumers.NAME]`',
    '## `[alerts]`',
  ]);
  expect(text).toMatch(
    /^\| `replication_full_sync_interval` \| a duration from 1s to 365d.*\| `"24h"` \| How often/m,
  );
  expect(text).toMatch(/^\| `mail_replica` \|.*\| must be given \|/m);
});
