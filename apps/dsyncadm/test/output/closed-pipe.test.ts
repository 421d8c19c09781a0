import { spawn } from 'node:child_process';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mainFile } from '../dsyncadm.ts';
import { ann, Rig } from '../rig.ts';

let rig: Rig;
beforeEach(async () => {
  rig = await Rig.open();
});
afterEach(() => rig.close());

it('ends quietly when the reader goes away, as before `| head`', async () => {
  const big = Buffer.alloc(4 * 1024 * 1024, 'x');
  await rig.ok(['mail', 'save', '-u', ann, '--create-user'], { stdin: big });
  const child = spawn(process.execPath, [mainFile, '-c', rig.configFile, 'mail', 'fetch', '-u', ann, '1']);
  let stderr = '';
  child.stderr.on('data', (text: Buffer) => {
    stderr += text.toString();
  });
  child.stdout.once('data', () => child.stdout.destroy());
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});
