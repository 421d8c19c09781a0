import { describe, expect, test } from 'vitest';
import { parseConfig } from '../src/index.ts';

const parse = (consumer: string, head = ''): ReturnType<typeof parseConfig> =>
  parseConfig(
    `${head}doveadm_password_file = "/s"\n[channels.default]\nmail_replica = "tcp:mx2"\n[consumers.index]\n${consumer}\n`,
    'x.toml',
  );
const command = 'command = ["/usr/local/bin/index-mail", "--changed"]';

describe('[consumers.NAME]', () => {
  test('turns the change feed on, with defaults that suit most', () => {
    const { changeFeed, consumers } = parse(command);
    expect(changeFeed).toBe(true);
    expect(consumers).toEqual([
      {
        name: 'index',
        command: ['/usr/local/bin/index-mail', '--changed'],
        format: 'lines',
        usersMax: 1000,
        delayMs: 1_000,
        timeoutMs: 600_000,
      },
    ]);
  });

  test('without one, nobody keeps who changed', () => {
    const text = 'doveadm_password_file = "/s"\n[channels.default]\nmail_replica = "tcp:mx2"\n';
    expect(parseConfig(text, 'x.toml')).toMatchObject({ changeFeed: false, consumers: [] });
    expect(parseConfig(`change_feed = true\n${text}`, 'x.toml').changeFeed).toBe(true);
  });

  test.each([
    ['', /needs either a command or a url/],
    [`${command}\nurl = "https://search.example.com/"`, /needs either a command or a url/],
    ['command = ["index-mail"]', /x\.toml:5: .*absolute path/],
    ['command = []', /x\.toml:5: /],
    [`${command}\ntoken_file = "/t"`, /x\.toml:6: .*is for url/],
    // The names of users, and the token, in the clear.
    ['url = "http://search.example.com/"', /x\.toml:5: /],
    ['url = "http://127.0.0.1.example.com/"', /x\.toml:5: /],
    ['url = "https://user:secret@search.example.com/"', /x\.toml:5: /],
    ['url = "ftp://search.example.com/"', /x\.toml:5: /],
    [`${command}\nusers_max = 0`, /x\.toml:6: /],
    [`${command}\nusers_max = 10001`, /x\.toml:6: /],
    [`${command}\ntimeout = "99ms"`, /x\.toml:6: /],
    [`${command}\nformat = "xml"`, /x\.toml:6: /],
  ])('refuses %j, and says where', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });

  test.each([
    'https://search.example.com/changed',
    'http://127.0.0.1:8983/changed',
    'http://[::1]/',
    'http://localhost',
  ])('takes the URL %s', (url) => {
    expect(parse(`url = "${url}"`).consumers[0]?.url).toBe(url);
  });

  test('is refused with the queue on Redis: each dsyncd would know of its own changes only', () => {
    const redis = '\n[redis]\nbackend = "mx"\nurl = "redis://127.0.0.1:6379"';
    expect(() => parse(`${command}${redis}`, 'queue = "redis"\n')).toThrow(/consumers.* is not there yet/);
    expect(() => parse(`${command}${redis}`, 'queue = "redis"\nchange_feed = true\n')).toThrow(
      /change_feed.* is not there yet/,
    );
  });

  test('has a name that can be in a metric and in a log', () => {
    expect(() => parse(`${command}\n[consumers."a b"]\n${command}`)).toThrow(/a b/);
  });
});
