import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/index.ts';

const parse = (lines: string) =>
  parseConfig(`[channels.default]\nmail_replica = "remote:v@mx2"\n${lines}`, 'x.toml').alerts;

describe('[alerts]', () => {
  it('is off without the table', () => {
    expect(parse('')).toBeUndefined();
  });

  it('fills in times and sendmail', () => {
    expect(parse('[alerts]\nmail_to = "root"')).toEqual({
      mailTo: 'root',
      sendmailPath: '/usr/sbin/sendmail',
      graceMs: 300_000,
      repeatMs: 14_400_000,
    });
    expect(
      parse('[alerts]\nwebhook_url_file = "/etc/dsyncd/hook"\ngrace = "0"\nrepeat = "30d"'),
    ).toMatchObject({
      webhookUrlFile: '/etc/dsyncd/hook',
      graceMs: 0,
      repeatMs: 30 * 86_400_000,
    });
  });

  it.each([
    ['[alerts]\ngrace = "1m"', 'needs webhook_url_file or mail_to'],
    ['[alerts]\nmail_to = "-oQ/tmp"', 'mail_to'],
    ['[alerts]\nmail_to = "a@b\\nBcc: c@d"', 'mail_to'],
    ['[alerts]\nmail_to = "root"\nsendmail_path = "sendmail"', 'must be an absolute path'],
    ['[alerts]\nmail_to = "root"\nrepeat = "0"', 'repeat'],
    ['[alerts]\nwebhook_url = "https://x"', 'webhook_url'],
  ])('refuses %j', (lines, message) => {
    expect(() => parse(lines)).toThrow(message);
  });
});
