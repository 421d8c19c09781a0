import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { programFile } from '@dsyncd/testkit';

const run = promisify(execFile);

export async function runAdm(host, args) {
  const { stdout } = await run(process.execPath, [programFile('dsyncadm'), '-c', host.configFile, ...args], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}
