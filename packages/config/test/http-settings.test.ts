import { describe, expect, test } from 'vitest';
import { parseConfig } from '../src/index.ts';

const parse = (http: string, tables = ''): ReturnType<typeof parseConfig> =>
  parseConfig(
    `doveadm_password_file = "/s"\n[channels.default]\nmail_replica = "tcp:mx2"\n[listeners.http]\n${http}\n${tables}`,
    'x.toml',
  );
const certificate = '[ssl]\nserver_cert_file = "/c"\nserver_key_file = "/k"\n';

describe('[listeners.http]', () => {
  test('stays on this host unless told otherwise', () => {
    expect(parse('').listeners.http).toEqual({
      address: '127.0.0.1',
      port: 8080,
      mode: 0o600,
      ssl: false,
      tokenFiles: {},
      failoverMaxLagMs: 60_000,
    });
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', 'localhost'])
      expect(parse(`address = "${address}"`).listeners.http?.address).toBe(address);
  });

  test.each(['0.0.0.0', '::', '192.0.2.1', 'mx1.example.com', '127.0.0.1.example.com', '10.127.0.0.1'])(
    'wants TLS and a token for %s',
    (address) => {
      const place = `address = "${address}"`;
      expect(() => parse(place)).toThrow(/x\.toml:5: .*needs ssl = true/);
      expect(() => parse(`${place}\nssl = true`, certificate)).toThrow(/x\.toml:5: .*needs read_token_file/);
      expect(() => parse(`${place}\nread_token_file = "/t"`, certificate)).toThrow(/needs ssl = true/);
      expect(parse(`${place}\nssl = true\nread_token_file = "/t"`, certificate).listeners.http?.ssl).toBe(
        true,
      );
    },
  );

  test('wants a certificate for TLS, and none on a unix socket', () => {
    expect(() => parse('ssl = true')).toThrow(/needs server_cert_file/);
    expect(() => parse('ssl = true\npath = "/run/h"', certificate)).toThrow(/is for a port/);
  });

  test('takes a unix socket, with owner and mode, whatever the address', () => {
    const http = 'path = "/run/h"\naddress = "::"\nmode = "0660"\ngroup = "adm"\nfailover_max_lag = "5m"';
    expect(parse(http).listeners.http).toMatchObject({
      path: '/run/h',
      mode: 0o660,
      group: 'adm',
      failoverMaxLagMs: 300_000,
    });
  });

  test('takes a token file per role', () => {
    const http = 'read_token_file = "/r"\noperate_token_file = "/o"\nnotify_token_file = "/n"';
    expect(parse(http).listeners.http?.tokenFiles).toEqual({ read: '/r', operate: '/o', notify: '/n' });
    expect(() => parse('admin_token_file = "/a"')).toThrow(/is no setting/);
  });
});
