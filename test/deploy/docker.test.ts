import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from '@dsyncd/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { buildAndStart, imageBases } from './built-image.ts';

const root = new URL('../../', import.meta.url).pathname;
const folder = join(root, 'deploy/docker');
const programs = ['dsyncd', 'dsync-server', 'dsync-lmtp', 'dsyncadm'] as const;

interface Service {
  readonly build: { readonly context: string; readonly dockerfile: string; readonly target: string };
  readonly command?: readonly string[];
  readonly depends_on?: readonly string[];
  readonly volumes?: readonly string[];
}
const compose = parse(readFileSync(join(folder, 'compose.yml'), 'utf8'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};

/** Instructions, continued lines joined. */
const instructions = readFileSync(join(folder, 'Dockerfile'), 'utf8')
  .replaceAll(/^#.*\n/gm, '')
  .replaceAll(/\\\n\s*/g, '')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => ({ name: line.split(' ')[0] ?? '', text: line.slice(line.indexOf(' ') + 1) }));
const textsOf = (name: string): string[] =>
  instructions.filter((each) => each.name === name).map(({ text }) => text);
const stages = textsOf('FROM').map((text) => text.split(' AS ')[1]);

describe('the Dockerfile', () => {
  it('has instructions only that there are, in stages that are used', () => {
    for (const { name } of instructions)
      expect([
        'ARG',
        'FROM',
        'RUN',
        'ADD',
        'COPY',
        'ENV',
        'USER',
        'VOLUME',
        'HEALTHCHECK',
        'ENTRYPOINT',
        'CMD',
        'EXPOSE',
      ]).toContain(name);
    expect(stages).toEqual(['bundle', 'dsyncd', 'dovecot']);
    // What runs is what packages carry, Node included.
    for (const text of [...textsOf('RUN'), ...textsOf('FROM')]) expect(text).not.toMatch(/npm|node:/);
  });

  it('copies files that exist', () => {
    let count = 0;
    for (const text of textsOf('COPY')) {
      const words = text.split(' ').filter((word) => !word.startsWith('--'));
      const from = /--from=(\S+)/.exec(text)?.[1];
      if (from !== undefined) {
        expect(stages).toContain(from);
        continue;
      }
      for (const source of words.slice(0, -1)) {
        expect(existsSync(join(root, source)), source).toBe(true);
        count++;
      }
    }
    expect(count).toBeGreaterThan(4);
  });

  it('has all programs in it, and runs dsyncd without privileges, watched', () => {
    const dsyncd = instructions.slice(
      instructions.findIndex(({ text }) => text.endsWith('AS dsyncd')),
      instructions.findIndex(({ text }) => text.endsWith('AS dovecot')),
    );
    const names = dsyncd.map(({ name }) => name);
    expect(dsyncd[names.indexOf('USER')]?.text).toBe('vmail');
    expect(names.indexOf('USER')).toBeGreaterThan(names.lastIndexOf('COPY'));
    expect(names).toContain('HEALTHCHECK');
    expect(dsyncd.at(-1)).toEqual({ name: 'CMD', text: '["dsyncd"]' });
    expect(dsyncd.map(({ text }) => text)).toContain('--from=bundle /installed/usr/ /usr/');
    expect(textsOf('ADD')[0]).toMatch(/^dist\/dsyncd-\*-\S+\.tar\.\* \/archive\/$/);
  });
});

describe('compose.yml', () => {
  it('builds stages that there are, and starts programs of the image with files that exist', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['mx1', 'mx1-dovecot', 'mx2', 'mx2-dovecot']);
    for (const [name, { build, command, depends_on = [], volumes = [] }] of Object.entries(
      compose.services,
    )) {
      expect(join(folder, build.context, '/')).toBe(root);
      expect(existsSync(join(root, build.dockerfile)), name).toBe(true);
      expect(stages).toContain(build.target);
      if (command !== undefined) expect(programs).toContain(command[0]);
      for (const other of depends_on) expect(Object.keys(compose.services)).toContain(other);
      for (const volume of volumes) {
        const source = volume.split(':')[0] ?? '';
        if (source.startsWith('./')) expect(existsSync(join(folder, source)), source).toBe(true);
        else expect(Object.keys(compose.volumes)).toContain(source);
      }
    }
  });

  it.each(['mx1', 'mx2'])('gives %s a configuration that dsyncd takes', async (host) => {
    const file = join(folder, 'dsyncd', `${host}.toml`);
    const { stdout, stderr } = await runProgram('dsyncadm', ['-c', file, 'config', 'check']);
    expect(`${stdout}${stderr}`).not.toMatch(/unknown|needs|must|line \d/i);
    const other = /tcp:([\w-]+):/.exec(readFileSync(file, 'utf8'))?.[1] ?? '';
    expect(other).not.toContain(`${host}-`);
    expect(Object.keys(compose.services)).toContain(other);
  });

  it.skipIf(spawnSync('dovecot', ['--version']).status !== 0)('gives Dovecot one that Dovecot takes', () => {
    const scratch = mkdtempSync(join(tmpdir(), 'dsyncd-docker-'));
    onTestFinished(() => rmSync(scratch, { recursive: true }));
    copyFileSync(join(folder, 'dovecot/dovecot.conf'), join(scratch, 'dovecot.conf'));
    copyFileSync(join(root, 'deploy/dovecot-2.3/99-dsyncd.conf'), join(scratch, 'dsyncd.conf'));
    const { status, stdout, stderr } = spawnSync('doveconf', ['-n', '-c', join(scratch, 'dovecot.conf')], {
      encoding: 'utf8',
    });
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('dsyncd-doveadm');
  });
});

it.each(imageBases)(
  'the image, built on %s, answers a status request as its user',
  { timeout: 600_000 },
  (on) => {
    const { config, answer } = buildAndStart(on);
    expect(config).toMatchObject({
      User: 'vmail',
      Entrypoint: ['/usr/bin/tini', '--'],
      Cmd: ['dsyncd'],
      Healthcheck: { Test: ['CMD', '/usr/lib/dsyncd/bin/node', '/usr/lib/dsyncd/healthcheck.mjs'] },
    });
    expect(answer).toMatch(/^user vmail, threads 16, version \d+\.\d+\.\d+$/m);
    expect(answer).toMatch(/Queued 'sync' requests +0/);
  },
);

it('the health check says what /readyz says', () => {
  const check = (url: string): number | null =>
    spawnSync(process.execPath, [join(folder, 'healthcheck.mjs')], {
      env: { ...process.env, DSYNCD_HEALTH_URL: url },
    }).status;
  expect(check('http://127.0.0.1:1/readyz')).toBe(1);
  expect(check('')).toBe(0);
});
