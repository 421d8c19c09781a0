import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificates.ts';
import { onCleanup, until } from './parties.ts';
import { freePort } from './sshd.ts';

export interface Dovecot {
  /** Of its doveadm service. */
  readonly port: number;
  readonly tlsPort: number;
  readonly config: string;
  readonly log: () => string;
  stop(): Promise<void>;
}

/** A user that owns no files here. */
const mailUid = Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' }));
const mailGid = Number(execFileSync('id', ['-g', 'nobody'], { encoding: 'utf8' }));

/** The installed Dovecot with a configuration of its own, where no user exists but `u1@x.test`. */
export async function startDovecot(
  secret: string,
  certificate: Certificate,
  caFile: string,
): Promise<Dovecot> {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-dovecot-'));
  chmodSync(folder, 0o755);
  mkdirSync(join(folder, 'mail'));
  chownSync(join(folder, 'mail'), mailUid, mailGid);
  const port = await freePort();
  const tlsPort = await freePort();
  const config = join(folder, 'dovecot.conf');
  const logFile = join(folder, 'log');
  const users = join(folder, 'users');
  writeFileSync(users, `u1@x.test:{PLAIN}x:${mailUid}:${mailGid}::${folder}/mail/u1\n`, { mode: 0o644 });
  writeFileSync(
    config,
    [
      `base_dir = ${folder}/run`,
      `state_dir = ${folder}/state`,
      'instance_name = transport-test',
      `log_path = ${logFile}`,
      'protocols =',
      'listen = 127.0.0.1',
      'mail_location = sdbox:~/mail',
      'first_valid_uid = 1',
      'first_valid_gid = 1',
      'ssl = yes',
      `ssl_cert = <${certificate.certFile}`,
      `ssl_key = <${certificate.keyFile}`,
      `ssl_client_ca_file = ${caFile}`,
      'namespace inbox {',
      '  inbox = yes',
      '}',
      'userdb {',
      '  driver = passwd-file',
      `  args = ${users}`,
      '}',
      'passdb {',
      '  driver = passwd-file',
      `  args = ${users}`,
      '}',
      `doveadm_password = ${secret}`,
      'service doveadm {',
      '  inet_listener plain {',
      `    port = ${port}`,
      '  }',
      '  inet_listener tls {',
      `    port = ${tlsPort}`,
      '    ssl = yes',
      '  }',
      '}',
      '',
    ].join('\n'),
  );
  const child = spawn('dovecot', ['-F', '-c', config], { stdio: 'ignore' });
  const stop = async (): Promise<void> => {
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  await until('Dovecot has started', () => {
    if (child.exitCode !== null) throw new Error(`Dovecot ended: ${log()}`);
    return log().includes('starting up');
  });
  return { port, tlsPort, config, log, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

/** Runs doveadm; answers its exit status and what it printed. */
export async function doveadm(
  config: string,
  args: readonly string[],
): Promise<{ status: number; output: string }> {
  const child = spawn('doveadm', ['-c', config, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  onCleanup(() => child.kill('SIGKILL'));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status: status ?? -1, output };
}
