import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig } from '@dsyncd/config';
import { afterAll, expect, it } from 'vitest';
import { feedConsumers } from '../src/checks/consumers.ts';
import type { Finding } from '../src/finding.ts';
import type { Scene } from '../src/scene.ts';

const folder = mkdtempSync(join(tmpdir(), 'doctor-consumers-'));
afterAll(() => rmSync(folder, { recursive: true }));

function findingOf(tables: string): Promise<Finding | undefined> {
  const text = `doveadm_password_file = "/s"\n[channels.default]\nmail_replica = "tcp:mx2"\n${tables}`;
  return feedConsumers.run({ config: parseConfig(text, 'x.toml') } as Scene);
}

it('says nothing without consumers, and that those that can be run can', async () => {
  expect(await findingOf('')).toBeUndefined();
  expect(await findingOf('[consumers.index]\ncommand = ["/bin/true"]')).toMatchObject({ severity: 'ok' });
});

it('warns of a program that is not there or not executable, and of a token that cannot be read', async () => {
  const plain = join(folder, 'plain');
  writeFileSync(plain, '', { mode: 0o600 });
  for (const settings of [
    'command = ["/no/such/program"]',
    `command = ["${plain}"]`,
    'url = "https://search.example.com/"\ntoken_file = "/no/such/token"',
  ]) {
    const finding = await findingOf(`[consumers.index]\n${settings}`);
    expect(finding).toMatchObject({
      severity: 'warning',
      message: expect.stringContaining('consumer index cannot work'),
      remedy: expect.stringContaining('[consumers.index]'),
    });
  }
});
