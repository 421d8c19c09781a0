import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/index.ts';

const parse = (top: string, table: string) =>
  parseConfig(`${top}\n[channels.default]\nmail_replica = "remote:v@mx2"\n${table}`, 'x.toml').redis;
const parseRedis = (lines: string) => parse('queue = "redis"', `[redis]\nbackend = "mx1"\n${lines}`);

describe('queue and [redis]', () => {
  it('is a file unless the queue is on Redis, whatever the table says', () => {
    expect(parse('', '')).toBeUndefined();
    expect(parse('', '[redis]\nbackend = "mx1"\nurl = "redis://r"')).toBeUndefined();
  });

  it('fills in prefix and lease', () => {
    expect(parseRedis('url = "redis://127.0.0.1:6379/2"')).toEqual({
      url: 'redis://127.0.0.1:6379/2',
      backend: 'mx1',
      prefix: 'dsyncd',
      leaseMs: 10_000,
    });
  });

  it('takes everything that TLS and sentinels need', () => {
    const lines = [
      'url = "rediss+sentinel://s1,s2:26380/mail"',
      'username = "dsyncd"',
      'password_file = "/etc/dsyncd/redis"',
      'sentinel_password_file = "/etc/dsyncd/sentinel"',
      'ca_file = "/ca.pem"',
      'cert_file = "/cert.pem"',
      'key_file = "/key.pem"',
      'prefix = "mail"',
      'lease = "3s"',
    ];
    expect(parseRedis(lines.join('\n'))).toMatchObject({
      username: 'dsyncd',
      passwordFile: '/etc/dsyncd/redis',
      sentinelPasswordFile: '/etc/dsyncd/sentinel',
      caFile: '/ca.pem',
      certFile: '/cert.pem',
      keyFile: '/key.pem',
      prefix: 'mail',
      leaseMs: 3_000,
    });
  });

  it.each([
    ['url = "http://r"', 'redis.url'],
    ['url = "redis://r"\nca_file = "/ca.pem"', 'ca_file is for TLS'],
    ['url = "rediss://r"\ncert_file = "/c.pem"', 'needs key_file'],
    ['url = "rediss://r"\nkey_file = "/c.pem"', 'needs cert_file'],
    ['url = "redis://r"\nsentinel_password_file = "/s"', 'is for sentinels'],
    ['url = "redis://r"\nprefix = "a:b"', 'redis.prefix'],
    ['url = "redis://r"\nlease = "10ms"', 'redis.lease'],
    ['url = "redis://r"\npassword = "x"', 'password_file'],
  ])('refuses %j', (lines, message) => {
    expect(() => parseRedis(lines)).toThrow(message);
  });

  it('does not repeat a password that somebody has put into the URL', () => {
    expect(() => parseRedis('url = "redis://user:secret@r"')).toThrow(/password_file/);
    expect(() => parseRedis('url = "redis://user:secret@r"')).not.toThrow(/secret/);
  });

  it('needs the table and a backend', () => {
    expect(() => parse('queue = "redis"', '')).toThrow('needs the table [redis]');
    expect(() => parse('queue = "redis"', '[redis]\nurl = "redis://r"')).toThrow('redis.backend');
    expect(() => parse('queue = "rabbit"', '')).toThrow('queue');
  });
});
