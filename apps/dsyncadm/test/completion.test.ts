import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dsyncadm } from './dsyncadm.ts';

const folder = mkdtempSync(join(tmpdir(), 'completion-'));
beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, stdout } = await dsyncadm(['completion', shell]);
    expect(code).toBe(0);
    writeFileSync(join(folder, shell === 'zsh' ? '_dsyncadm' : `script.${shell}`), stdout);
  }
  writeFileSync(join(folder, 'a mail.eml'), '');
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (program: string, args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 30_000,
  });
  if (status !== 0) throw new Error(`${program} ended with ${status}: ${stdout}${stderr}`);
  return stdout;
};
const has = (program: string): boolean => spawnSync(program, ['--version']).status === 0;

/** What a Tab behind the last word offers. */
type Offers = (words: readonly string[]) => readonly string[];

/** By the function that bash itself calls, with the variables that it sets. */
const inBash: Offers = (words) => {
  const script =
    'source ./script.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ' +
    'fn=$(complete -p dsyncadm | sed -n "s/.*-F \\([^ ]*\\).*/\\1/p"); "$fn"; printf "%s\\n" "$' +
    '{COMPREPLY[@]}"';
  return linesOf(run('bash', ['--norc', '-c', script, 'bash', 'dsyncadm', ...words]));
};

const inFish: Offers = (words) =>
  linesOf(run('fish', ['--no-config', '-c', `source ./script.fish; complete -C ${fishText(words)}`])).map(
    (line) => line.split('\t')[0] ?? '',
  );
const fishText = (words: readonly string[]): string => `'dsyncadm ${words.join(' ')}'`;

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .sort();

const shells: readonly (readonly [string, Offers])[] = [
  ['bash', inBash],
  ['fish', inFish],
];

describe.each(shells)('in %s', (shell, offers) => {
  const present = has(shell);

  it.skipIf(!present)('commands complete at each level, also behind options with values', () => {
    expect(offers(['repl'])).toEqual(['replicator']);
    expect(offers(['-c', 'mail', 'repl'])).toEqual(['replicator']);
    expect(offers(['mailbox', 'sub'])).toEqual(['subscribe']);
    expect(offers(['mail', ''])).toEqual(['copy', 'expunge', 'fetch', 'flags', 'list', 'move', 'save']);
  });

  it.skipIf(!present)('options complete where they belong', () => {
    expect(offers(['mail', 'list', '--us'])).toEqual(['--user']);
    expect(offers(['mail', 'list', '--conf'])).toEqual(['--config']);
    expect(offers(['status', '--us'])).toEqual([]);
  });

  it.skipIf(!present)('values complete: choices, files, and nothing where any text can stand', () => {
    expect(offers(['replicator', 'replicate', '--priority', 'h'])).toEqual(['high']);
    expect(offers(['mail', 'flags', 'a'])).toEqual(['add']);
    expect(offers(['mail', 'save', '-u', ''])).toEqual([]);
    expect(offers(['mail', 'save', '-u', 'x', 'a'])).toEqual(['a mail.eml']);
  });
});

describe('in zsh', () => {
  /** Types the keys in a real interactive zsh, where the program shows its arguments. */
  const typed = (keys: string): string => {
    const screen = run('zsh', [
      '-f',
      '-c',
      `zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PROMPT=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -D -u'
zpty -w z 'dsyncadm() { print -r -- "GOT""(""$*"")" }; print READY""NOW'
zpty -r z text '*READYNOW*'
zpty -w z $'${keys.replaceAll('\t', '\\t')}'
zpty -r z text '*GOT\\(*\\)*'
print -r -- "$text"
zpty -d z`,
    ]);
    return /GOT\((.*)\)/.exec(screen)?.[1] ?? '';
  };

  it.skipIf(!has('zsh'))('completes commands, options and choices', () => {
    expect(typed('dsyncadm repl\trepli\t--prio\th\t')).toBe('replicator replicate --priority high');
    expect(typed('dsyncadm -c mail conf\tche\t')).toBe('-c mail config check');
  });
});
