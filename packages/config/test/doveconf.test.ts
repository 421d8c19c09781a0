import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { doveconfLimits, importDoveconf, parseConfig, parseDoveconf } from '../src/index.ts';

const header = '# 2.3.19.1 (9b53102964): /etc/dovecot/dovecot.conf\n# Hostname: mx1.example.com\n';
const imported = (text: string) => {
  const result = importDoveconf(`${header}protocols = imap\n${text}`);
  return { ...result, config: parseConfig(result.toml, 'imported') };
};
const noteOn = (text: string, setting: string) =>
  imported(text).notes.find((note) => note.setting === setting);
const plugin = (line: string): string => `plugin {\n  ${line}\n}\n`;

describe('what is carried over', () => {
  it('is everything that the replicator of Dovecot had', () => {
    const { config, notes, password } = imported(`base_dir = /run/mail/dovecot/
doveadm_password = "s3 cr\\"et"
doveadm_port = 12346
mail_plugins = " notify replication"
plugin {
  mail_replica = tcps:mx2.example.com:2000
  replication_sync_timeout = 2
}
replication_dsync_parameters = -dN -l60 -U -T 120
replication_full_sync_interval = 12 hours
replication_max_conns = 20
service aggregator {
  fifo_listener replication-notify-fifo {
    mode = 0660
    user = vmail
  }
  unix_listener replication-notify {
    group = vmail
    mode = 0660
  }
}
service replicator {
  unix_listener replicator-doveadm {
    mode = 0600
  }
}
ssl_client_ca_file = /etc/ssl/mail-ca.pem
userdb {
  driver = passwd
}
`);
    expect(password).toBe('s3 cr"et');
    expect(config).toMatchObject({
      hostname: 'mx1.example.com',
      mailEngine: 'dovecot',
      doveadmPort: 12346,
      doveadmPasswordFile: '/etc/dsyncd/secret',
      replicationMaxConns: 20,
      replicationFullSyncIntervalMs: 12 * 3_600_000,
      replicationSyncTimeoutMs: 2000,
      dsyncLockTimeoutMs: 60_000,
      dsyncTimeoutMs: 120_000,
      ssl: { clientCaFile: '/etc/ssl/mail-ca.pem' },
      dovecot: {
        doveadmSocketPath: '/run/mail/dovecot/doveadm-server',
        authSocketPath: '/run/mail/dovecot/auth-userdb',
        firstValidUid: 500,
      },
      listeners: {
        notify: { dir: '/run/mail/dovecot', mode: 0o660, user: 'vmail', group: 'vmail' },
        replicator: { dir: '/run/mail/dovecot', mode: 0o600 },
      },
    });
    expect(config.channels).toMatchObject([{ name: 'default', mailReplica: 'tcps:mx2.example.com:2000' }]);
    expect(notes.map(({ setting }) => setting)).toEqual(['service aggregator, service replicator']);
  });

  it.each([
    ['90', 90_000],
    ['30 secs', 60_000],
    ['5 mins', 300_000],
    ['1 days', 86_400_000],
    ['2 weeks', 14 * 86_400_000],
    ['3000 days', 365 * 86_400_000],
  ])('is an interval of %s', (text, ms) => {
    expect(imported(`replication_full_sync_interval = ${text}\n`).config.replicationFullSyncIntervalMs).toBe(
      ms,
    );
  });

  it.each(['tcp:mx2', 'tcps:[2001:db8::1]:99', 'remote:vmail@mx2', 'remoteprefix:vmail@mx2'])(
    'is the replica %s',
    (replica) => {
      expect(imported(plugin(`mail_replica = ${replica}`)).config.channels[0]?.mailReplica).toBe(replica);
    },
  );
});

describe('what is told', () => {
  it.each([
    ['lost', 'replication_dsync_parameters -x Spam', 'replication_dsync_parameters = -d -N -x Spam\n'],
    ['lost', 'replication_dsync_parameters -1', 'replication_dsync_parameters = -d -N1\n'],
    ['changed', 'replication_dsync_parameters', 'replication_dsync_parameters = -d -l 30 -U\n'],
    ['changed', 'replication_max_conns', 'replication_max_conns = 5000\n'],
    ['lost', 'replication_full_sync_interval', 'replication_full_sync_interval = tomorrow\n'],
    ['lost', 'plugin/mail_replica', plugin('mail_replica = tcps:%{user}.example.com')],
    ['lost', 'plugin/mail_replica', plugin('mail_replica = ssh vmail@mx2 doveadm dsync-server')],
    ['lost', 'plugin/mail_replica', plugin('mail_replica = mdbox:/srv/copy')],
    ['todo', 'plugin/mail_replica', plugin('mail_replica = tcp:mx2')],
    ['todo', 'plugin/mail_replica', ''],
    ['lost', 'plugin/noreplicate', plugin('noreplicate = yes')],
    ['todo', 'doveadm_password', 'doveadm_password = # hidden, use -P to show it\n'],
    ['todo', 'doveadm_password', ''],
    ['lost', 'ssl_client_ca_dir', 'ssl_client_ca_dir = /etc/pki\n'],
    ['changed', 'ssl_client_ca_dir', 'ssl_client_ca_dir = /etc/ssl/certs\n'],
    ['lost', 'remote 10.0.0.1/doveadm_password', 'remote 10.0.0.1 {\n  doveadm_password = x\n}\n'],
    [
      'lost',
      'protocol lmtp/plugin/mail_replica',
      'protocol lmtp {\n  plugin {\n    mail_replica = tcp:x\n  }\n}\n',
    ],
    ['lost', 'namespace archive/noreplicate', 'namespace archive {\n  noreplicate = yes\n}\n'],
    ['todo', 'namespace shared/type', 'namespace shared {\n  type = shared\n}\n'],
    ['todo', 'userdb', 'userdb {\n  driver = static\n}\n'],
    ['todo', 'userdb', 'userdb {\n  driver = sql\n}\n'],
    [
      'lost',
      'service replicator/inet_listener',
      'service replicator {\n  inet_listener {\n    port = 9\n  }\n}\n',
    ],
    ['lost', 'replicator_host, replicator_port', 'replicator_port = 4000\n'],
    ['todo', 'mail_plugins', 'mail_plugins = quota\n'],
    ['todo', 'protocol lmtp/mail_plugins', 'protocol lmtp {\n  mail_plugins = sieve\n}\n'],
    ['todo', 'hostname', 'hostname = x\n# Hostname: localhost\n'],
  ])('%s: %s', (kind, setting, text) => {
    const other =
      setting === 'hostname'
        ? importDoveconf(text).notes.find((note) => note.setting === setting)
        : undefined;
    expect(other ?? noteOn(text, setting)).toMatchObject({ kind, setting });
  });

  it('sockets of different modes, of which the widest holds; a mode of 0 counts as switched off', () => {
    const listeners = (one: string, other: string): string =>
      `service aggregator {\n fifo_listener replication-notify-fifo {\n mode = ${one}\n }\n unix_listener replication-notify {\n mode = ${other}\n }\n}\n`;
    const mixed = imported(listeners('0622', '0640'));
    expect(mixed.config.listeners.notify.mode).toBe(0o662);
    expect(mixed.notes.some(({ kind, why }) => kind === 'changed' && why.includes('all get 0662'))).toBe(
      true,
    );
    expect(imported(listeners('0', '0')).config.listeners.notify.mode).toBe(0o660);
  });

  it('never the password', () => {
    const { toml, notes } = imported(
      'doveadm_password = hunter2\nremote 10.0.0.1 {\n doveadm_password = hunter3\n}\n',
    );
    expect(toml + JSON.stringify(notes)).not.toContain('hunter');
  });
});

describe('odd input', () => {
  it.each([
    ['', 'it has no settings'],
    ['# only a comment\n', 'it has no settings'],
    ['protocols = imap\n}\n', 'line 2: more "}" than "{"'],
    ['service x {\n  a = b\n', 'line 1: "service" is never closed'],
    ['hello there\n', 'line 1: "hello there" is neither'],
    ['{"json": true}\n', 'neither a setting nor a block'],
    [`${'a {\n'.repeat(17)}${'}\n'.repeat(17)}`, 'nest too deep'],
    ['dovecot_config_version = 2.4.1\n', 'no replicator'],
    ['# 2.4.1-4 (7d8c0e5759): /etc/dovecot/dovecot.conf\nmail_driver = sdbox\n', 'it is of Dovecot 2.4.1'],
  ])('%j is refused: %s', (text, message) => {
    expect(() => importDoveconf(text)).toThrow(
      expect.objectContaining({ code: 'DSYNCD_DOVECONF', message: expect.stringContaining(message) }),
    );
  });

  it('is read up to the limits and no further', () => {
    const depth = doveconfLimits.depthMax;
    expect(parseDoveconf(`${'a {\n'.repeat(depth)}${'}\n'.repeat(depth)}`).blocks).toHaveLength(1);
    const line = 'a = b\n';
    const text = line.repeat(doveconfLimits.textBytesMax / line.length);
    expect(parseDoveconf(text).settings.size).toBe(1);
    expect(() => parseDoveconf(`${text}${line}${line}`)).toThrow('has more than');
  });

  it('may have Windows line ends, a byte order mark and no comments', () => {
    const { toml } = importDoveconf('\ufeffbase_dir = /run/x\r\nhostname = mx1\r\n');
    expect(parseConfig(toml, 'imported').listeners.notify.dir).toBe('/run/x');
  });

  it('gives a configuration that loads, whatever the values are', () => {
    const value = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.stringMatching(/^[0-9]{1,12} ?[a-z]{0,5}$/),
      fc.constantFrom('tcp:x', '-N -l', '0777', '/', '0', '-1', 'remote:a@b'),
    );
    const clean = value.map((text) => text.replaceAll(/[\r\n]/g, ' '));
    const keys = [
      'base_dir',
      'hostname',
      'doveadm_port',
      'doveadm_password',
      'first_valid_uid',
      'ssl_client_ca_file',
    ];
    keys.push('ssl_client_ca_dir', 'replication_max_conns', 'replication_full_sync_interval');
    keys.push('replication_dsync_parameters', 'mail_plugins', 'replicator_port');
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom(...keys), clean),
        fc.dictionary(fc.constantFrom('mail_replica', 'replication_sync_timeout', 'noreplicate'), clean),
        fc.dictionary(fc.constantFrom('mode', 'user', 'group'), clean),
        (top, inPlugin, socket) => {
          const lines = (values: Readonly<Record<string, string>>): string =>
            Object.entries(values)
              .map(([key, text]) => `${key} = ${text}\n`)
              .join('');
          imported(
            `${lines(top)}plugin {\n${lines(inPlugin)}}\nuserdb {\n driver = passwd\n}\nservice aggregator {\n fifo_listener replication-notify-fifo {\n${lines(socket)} }\n}\n`,
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});
