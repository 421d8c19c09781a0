import { describe, expect, test } from 'vitest';
import { parseConfig } from '../src/index.ts';

const channel = '[channels.default]\nmail_replica = "tcp:mx2"\n';
const parse = (top: string, tables = ''): ReturnType<typeof parseConfig> =>
  parseConfig(`mail_engine = "dovecot"\n${top}\n${channel}${tables}`, 'x.toml');

describe('mail_engine = "dovecot"', () => {
  test('needs no secret of ours: the Dovecots know each other', () => {
    expect(parse('').dovecot).toEqual({
      doveadmSocketPath: '/run/dovecot/doveadm-server',
      authSocketPath: '/run/dovecot/auth-userdb',
      userInclude: ['*'],
      userExclude: [],
      firstValidUid: 0,
      syncNamespaces: [],
      scanIntervalMs: 3_600_000,
      userRefreshIntervalMs: 600_000,
      userGraceTimeMs: 86_400_000,
    });
  });

  test('needs one for a port, and a port for a host', () => {
    const dovecot = (place: string): string => `[dovecot]\ndoveadm_socket_path = "${place}"\n`;
    expect(() => parse('', dovecot('127.0.0.1:24245'))).toThrow(/x\.toml:6: .*doveadm_password_file/);
    expect(() => parse('', dovecot('localhost'))).toThrow(/HOST:PORT/);
    expect(parse('doveadm_password_file = "/s"', dovecot('[::1]:24245')).dovecot.doveadmSocketPath).toBe(
      '[::1]:24245',
    );
  });

  test('takes the place of the index files, one for each user', () => {
    const place = (path: string): string => `[dovecot]\nmail_index_path = "${path}"\n`;
    expect(parse('', place('/var/indexes/%{user}')).dovecot.mailIndexPath).toBe('/var/indexes/%{user}');
    expect(() => parse('', place('/var/indexes'))).toThrow(/mail_index_path.*share one home/);
    expect(parse('', '[dovecot]\nscan_interval = "0"\n').dovecot.scanIntervalMs).toBe(0);
  });

  test('takes namespaces, the one without a prefix too, and mailboxes to leave out', () => {
    const dovecot = '[dovecot]\nsync_namespaces = ["", "Archive/"]\nexclude_mailboxes = ["Virtual/*"]\n';
    expect(parse('', dovecot).dovecot).toMatchObject({
      syncNamespaces: ['', 'Archive/'],
      excludeMailboxes: ['Virtual/*'],
    });
  });

  test('takes lists of masks, and says what a list is', () => {
    const masks = '[dovecot]\nuser_exclude = ["root", "*@test"]\n';
    expect(parse('', masks).dovecot.userExclude).toEqual(['root', '*@test']);
    expect(() => parse('', '[dovecot]\nuser_include = "*"\n')).toThrow(/expected a list of texts/);
    const tooMany = JSON.stringify(Array.from({ length: 1001 }, () => 'a'));
    expect(() => parse('', `[dovecot]\nuser_include = ${tooMany}\n`)).toThrow(/is a list/);
  });

  test('takes folder, owner and mode of its sockets', () => {
    const notify =
      '[listeners.notify]\ndir = "/run/dovecot"\nmode = "0620"\nuser = "root"\ngroup = "vmail"\n';
    const { listeners } = parse('base_dir = "/run/d"', notify);
    expect(listeners.notify).toEqual({ dir: '/run/dovecot', mode: 0o620, user: 'root', group: 'vmail' });
    expect(listeners.replicator).toEqual({ dir: '/run/d', mode: 0o600 });
    expect(() => parse('', '[listeners.notify]\nmode = "0999"\n')).toThrow(/listeners\.notify\.mode/);
    expect(() => parse('', '[listeners.notify]\ngroup = "-R"\n')).toThrow(/listeners\.notify\.group/);
  });
});
