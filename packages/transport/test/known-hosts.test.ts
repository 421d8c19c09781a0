import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkHostKey, keyTypeOf, linesFor, parseKnownHosts } from '../src/ssh/known-hosts.ts';
import { quoteForShell } from '../src/ssh/ssh-login.ts';
import { scratchFolder } from './support/parties.ts';
import { makeKey } from './support/sshd.ts';

const keyLine = (): string => makeKey(join(scratchFolder(), 'key'));

function verdictOf(text: string, host: string, port: number, key: string): string {
  const [keyType = '', encoded = ''] = key.split(' ');
  const lines = linesFor(parseKnownHosts(text, '/known'), host, port);
  return checkHostKey(lines, keyType, Buffer.from(encoded, 'base64')).kind;
}

describe('known_hosts', () => {
  it('finds a host by name, address list, wildcard and in any case', () => {
    const key = keyLine();
    const text = `# ours\n\nmx2.example.com,192.0.2.2 ${key} a comment\n*.mail.test,!bad.mail.test ${key}\n`;
    expect(verdictOf(text, 'mx2.example.com', 22, key)).toBe('trusted');
    expect(verdictOf(text, 'MX2.Example.com', 22, key)).toBe('trusted');
    expect(verdictOf(text, '192.0.2.2', 22, key)).toBe('trusted');
    expect(verdictOf(text, 'a.mail.test', 22, key)).toBe('trusted');
    expect(verdictOf(text, 'bad.mail.test', 22, key)).toBe('unknown');
    expect(verdictOf(text, 'mx3.example.com', 22, key)).toBe('unknown');
  });

  it('finds names that ssh-keygen has hashed', () => {
    const file = join(scratchFolder(), 'known_hosts');
    const key = keyLine();
    writeFileSync(file, `mx2.example.com ${key}\n[mx2.example.com]:2222 ${key}\n`);
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file], { stdio: 'ignore' });
    const text = readFileSync(file, 'utf8');
    expect(text).not.toContain('mx2');
    expect(verdictOf(text, 'mx2.example.com', 22, key)).toBe('trusted');
    expect(verdictOf(text, 'mx2.example.com', 2222, key)).toBe('trusted');
    expect(verdictOf(text, 'mx3.example.com', 22, key)).toBe('unknown');
  });

  it('prefers lines with the port to lines without', () => {
    const [right, other] = [keyLine(), keyLine()];
    expect(verdictOf(`[h]:2222 ${right}\nh ${other}\n`, 'h', 2222, right)).toBe('trusted');
    expect(verdictOf(`[h]:2222 ${right}\nh ${other}\n`, 'h', 2222, other)).toBe('changed');
    expect(verdictOf(`h ${right}\n`, 'h', 2222, right)).toBe('trusted');
    expect(verdictOf(`[h]:2222 ${right}\n`, 'h', 22, right)).toBe('unknown');
  });

  it('takes any of several keys of a host', () => {
    const [first, second, third] = [keyLine(), keyLine(), keyLine()];
    const text = `h ${first}\nh ${second}\n`;
    expect(verdictOf(text, 'h', 22, first)).toBe('trusted');
    expect(verdictOf(text, 'h', 22, second)).toBe('trusted');
    expect(verdictOf(text, 'h', 22, third)).toBe('changed');
  });

  it('lets a revocation win', () => {
    const key = keyLine();
    expect(verdictOf(`h ${key}\n@revoked h ${key}\n`, 'h', 22, key)).toBe('revoked');
    expect(verdictOf(`@revoked * ${key}\nh ${key}\n`, 'h', 22, key)).toBe('revoked');
    expect(verdictOf(`@revoked * ${key}\n[h]:2222 ${key}\n`, 'h', 2222, key)).toBe('revoked');
  });

  it('leaves out what is no host key', () => {
    const key = keyLine();
    const text = `@cert-authority h ${key}\nh\nh ssh-ed25519\nh ssh-ed25519 ***\n|2|x|y ${key}\n|1|x ${key}\n@odd h ${key}\n`;
    expect(verdictOf(text, 'h', 22, key)).toBe('unknown');
  });

  it('reads the kind of a key, and survives a damaged one', () => {
    expect(keyTypeOf(Buffer.from(keyLine().split(' ')[1] ?? '', 'base64'))).toBe('ssh-ed25519');
    for (const bytes of [[], [0, 0], [0, 0, 0, 9, 65], [255, 255, 255, 255, 65]])
      expect(keyTypeOf(Buffer.from(bytes))).toBe('');
  });
});

describe('a word for the shell', () => {
  it.each(['u1@x.test', "it's", '$(id)', '`id`', 'a b', '*', '', '\\', '"', '-n', '!x', '~root', 'ü'])(
    'stays one word: %j',
    (word) => {
      const seen = execFileSync('sh', ['-c', `printf '%s|' a ${quoteForShell(word)} z`], {
        encoding: 'utf8',
      });
      expect(seen).toBe(`a|${word}|z|`);
    },
  );
});
