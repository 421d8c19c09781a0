import { describe, expect, test } from 'vitest';
import { ConfigError, parseConfig } from '../src/index.ts';

const small = `doveadm_password_file = "/etc/dsyncd/secret"
[channels.default]
mail_replica = "tcps:mx2.example.com"
`;

const problemsOf = (text: string): readonly string[] => {
  try {
    parseConfig(text, 'd.toml');
  } catch (error) {
    if (error instanceof ConfigError) return error.message.split('\n');
    throw error;
  }
  return [];
};

describe('a correct file', () => {
  test('has every default filled in', () => {
    const config = parseConfig(small, 'd.toml');
    expect(config).toMatchObject({
      baseDir: '/run/dsyncd',
      stateDir: '/var/lib/dsyncd',
      notifySpoolDir: '/var/lib/dsyncd/notify-spool',
      mailEngine: 'builtin',
      replicationMaxConns: 10,
      replicationFullSyncIntervalMs: 86_400_000,
      replicationFailureResyncIntervalMs: 300_000,
      replicationSyncTimeoutMs: 0,
      messageSizeLimitBytes: 52_428_800,
      ssl: {},
      listeners: {},
    });
    expect(config.channels).toEqual([
      {
        name: 'default',
        mailReplica: 'tcps:mx2.example.com',
        chain: false,
        doveadmPort: 12345,
        doveadmPasswordFile: '/etc/dsyncd/secret',
        dsyncTimeoutMs: 600_000,
      },
    ]);
  });

  test('overrides per channel, and listeners', () => {
    const config = parseConfig(
      `${small}chain = true\ndsync_timeout = "2m"\n[listeners.lmtp]\npath = "/run/l"\n[listeners.http]\nport = 81\n`,
      'd.toml',
    );
    expect(config.channels[0]).toMatchObject({ chain: true, dsyncTimeoutMs: 120_000 });
    expect(config.listeners.doveadm).toBeUndefined();
    expect(config.listeners).toMatchObject({
      lmtp: { path: '/run/l' },
      http: { address: '127.0.0.1', port: 81 },
    });
  });
});

describe('a wrong file', () => {
  test('names an unknown key, its line, the nearest name and the allowed values', () => {
    const [problem, ...others] = problemsOf(`${small}[listeners.http]\nport = 80\n\nadress = "::1"\n`);
    expect(problem).toMatch(
      /^d\.toml:7: listeners\.http\.adress is no setting; did you mean "address" \(a text/,
    );
    expect(problem).toContain('Allowed here: address, port');
    expect(others).toEqual([]);
  });

  test('reports all problems at once, by line', () => {
    const text = `replication_max_conns = 0
mail_engine = "courier"
replication_full_sync_interval = "24 hours"
message_size_limit = "1k"
hostnam = "x"
[channels.default]
chain = "yes"
`;
    const problems = problemsOf(text);
    expect(problems[0]).toBe('d.toml:1: replication_max_conns is 0, expected a whole number from 1 to 1000');
    expect(problems[1]).toBe(
      'd.toml:2: mail_engine is "courier", expected one of "builtin", "dovecot", "cyrus"',
    );
    expect(problems[2]).toMatch(/^d\.toml:3: .* is "24 hours", expected a duration from 1s to 365d/);
    expect(problems[3]).toMatch(/^d\.toml:5: hostnam is no setting; did you mean "hostname"/);
    expect(problems[4]).toMatch(/^d\.toml:6: channels\.default\.mail_replica is missing/);
    expect(problems[5]).toBe('d.toml:7: channels.default.chain is "yes", expected true or false');
    expect(problems).toHaveLength(6);
  });

  test.each([
    ['a table that is a number', 'ssl = 4', /:1: ssl is 4, expected a table \[ssl\]/],
    ['a list', 'hostname = ["a"]', /:1: hostname is a list, expected a text/],
    ['TOML that does not parse', 'hostname = \n', /:1: Invalid TOML/],
    ['the same key twice', 'base_dir = "/a"\nbase_dir = "/b"', /:2: Invalid TOML/],
    ['a prototype key', '[__proto__]\nx = 1', /d\.toml/],
    ['a key of every object', 'toString = 1', /toString is no setting/],
    [
      'a replica without type',
      small.replace('tcps:', ''),
      /:3: channels\.default\.mail_replica cannot be used: .*"mx2.*allowed are tcp:HOST/,
    ],
    [
      'a replica that is an option',
      small.replace('tcps:', 'remote:-oProxyCommand=x@'),
      /has a login that cannot be/,
    ],
    ['a replica by SSH without login', small.replace('tcps:', 'remote:'), /has no login before "@"/],
    ['a missing secret', small.slice(small.indexOf('\n')), /needs doveadm_password_file/],
    [
      'a server without certificate',
      `${small}[listeners.doveadm]\n`,
      /:4: listeners\.doveadm needs server_cert_file/,
    ],
    [
      'a key without certificate',
      `${small}[ssl]\nclient_key_file = "k"`,
      /:5: ssl\.client_key_file needs client_cert_file/,
    ],
    ['lmtp without place', `${small}[listeners.lmtp]`, /:4: listeners\.lmtp needs either a path or a port/],
    ['a shared home', `mail_home = "/srv/mail"\n${small}`, /:1: mail_home .* must contain %\{user\}/],
    [
      'two copies with a Dovecot, whose deliveries dsyncd cannot refuse',
      `mail_engine = "dovecot"\nreplication_sync_timeout = "5s"\n${small}delivery_requires_replica = true`,
      /channels\.default\.delivery_requires_replica needs mail_engine = "builtin": only dsync-lmtp can refuse/,
    ],
    [
      'two copies without a time to wait',
      `${small}delivery_requires_replica = true`,
      /:4: channels\.default\.delivery_requires_replica needs replication_sync_timeout/,
    ],
    ['a misspelt variable', `mail_home = "/srv/%{usr}"\n${small}`, /unknown variable "%\{usr\}"/],
    ['a channel name with a slash', `${small}[channels."a/b"]\nmail_replica="tcp:x"`, /bad name/],
    ['a port past the last', `doveadm_port = 65536\n${small}`, /from 1 to 65535/],
  ])('%s', (_, text, expected) => {
    expect(problemsOf(text).join('\n')).toMatch(expected);
  });
});
