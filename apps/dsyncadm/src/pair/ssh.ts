import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { DsyncdError, systemCode } from '@dsyncd/core';
import type { HostFacts, Place, SshInput } from '@dsyncd/pairing';
import { newSshKey } from '@dsyncd/transport';
import { notPossible } from '../errors.ts';
import { command } from './command.ts';
import { hasSystemd } from './here.ts';

const run = promisify(execFile);
/** Often not in the PATH of a shell that became root. */
const sshd = '/usr/sbin/sshd';

export interface SshHere {
  readonly facts: NonNullable<HostFacts['ssh']>;
  readonly input: SshInput;
}

/**
 * What this host brings to a pair over SSH: its host keys, and a new key to log in with.
 * @throws {DsyncdError} when sshd is not there, or lets the owner of the mail start nothing
 */
export async function sshHere(place: Place, root: string, port: number): Promise<SshHere> {
  const hostKeys = await hostKeysIn(join(root, '/etc/ssh'));
  const shell = await shellOf(place.user);
  if (/\/(nologin|false)$/.test(shell))
    throw notPossible(
      `${place.user} has the shell ${shell}, with which sshd starts no program`,
      `usermod --shell /bin/sh ${place.user} (the key of the other host starts one command only), or pair without --ssh`,
    );
  const { privateKey, publicKey } = await newSshKey();
  const program = join(dirname(process.argv[1] ?? ''), 'dsync-server.js');
  return {
    facts: { login: place.user, port, hostKeys, loginKey: publicKey },
    input: { privateKey, command: `${process.execPath} ${program} --stdio -c ${place.configFile}` },
  };
}

async function hostKeysIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  const files = names.filter((name) => /^ssh_host_.*_key\.pub$/.test(name)).sort();
  const lines = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')));
  const keys = lines
    .map((line) => line.split(' ').slice(0, 2).join(' ').trim())
    // Others are of no use to our client.
    .filter((key) => /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+) /.test(key));
  if (keys.length > 0) return keys;
  throw notPossible(`there is no host key of sshd in ${folder}`, 'install openssh-server');
}

const shellOf = async (user: string): Promise<string> =>
  (await run('getent', ['passwd', user])).stdout.trim().split(':')[6] ?? '';

/** @throws {DsyncdError} when sshd does not accept what was written, or does not read it */
export async function checkSshd(place: Place, root: string): Promise<void> {
  const file = join(root, '/etc/ssh/sshd_config');
  const who = `user=${place.user},host=localhost,addr=127.0.0.1`;
  let printed: string;
  try {
    // sshd refuses to check without it, and a socket unit makes it with the first connection only.
    await command('install', ['-d', '-m', '755', '/run/sshd']);
    ({ stdout: printed } = await run(sshd, ['-T', '-f', file, '-C', who]));
  } catch (error) {
    const stderr = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw badSshd(`sshd does not accept ${place.files.sshdDropIn}: ${stderr.trim().split('\n')[0]}`);
  }
  if (!printed.includes(place.files.authorizedKeys))
    throw badSshd(`${file} does not include ${place.files.sshdDropIn}`);
}

const badSshd = (message: string): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_SSHD', message, {
    outcome: 'operator',
    hint: 'what was written is removed again; correct the configuration of sshd, then pair again',
  });

/** Lets sshd read its configuration again; connections stay. One that does not run reads it when it starts. */
export async function reloadSshd(root: string): Promise<void> {
  if (hasSystemd(root)) {
    // Debian calls it ssh.
    for (const unit of ['ssh', 'sshd'])
      if (await run('systemctl', ['try-reload-or-restart', unit]).then(always, never)) return;
    return;
  }
  const pid = Number(await readFile(join(root, '/run/sshd.pid'), 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 1) return;
  try {
    process.kill(pid, 'SIGHUP');
  } catch (error) {
    if (systemCode(error) !== 'ESRCH') throw error;
  }
}

const always = (): boolean => true;
const never = (): boolean => false;
