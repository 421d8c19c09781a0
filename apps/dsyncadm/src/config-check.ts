import { access, constants, readFile, stat } from 'node:fs/promises';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { type Config, mailHomesFolder, type SslConfig } from '@dsyncd/config';
import { DsyncdError, messageOf, systemCode, systemErrorHint } from '@dsyncd/core';
import { type ConfigFinding, checkAccess } from './config-access.ts';

/** Checks what a configuration refers to: secrets, certificates, folders, and access to them. */
export async function checkSurroundings(config: Config): Promise<readonly ConfigFinding[]> {
  const checks = [checkAccess(config), checkCertificates(config.ssl), checkFolders(config)];
  return [...(await Promise.all(checks)).flat(), ...checkChannels(config)];
}

/** Loads them as the programs do, so that a key that does not fit its certificate is found here. */
async function checkCertificates(ssl: SslConfig): Promise<ConfigFinding[]> {
  const findings: ConfigFinding[] = [];
  const sets = [
    { ca: ssl.clientCaFile, cert: ssl.clientCertFile, key: ssl.clientKeyFile },
    { ca: ssl.serverClientCaFile, cert: ssl.serverCertFile, key: ssl.serverKeyFile },
  ];
  for (const files of sets) {
    const options: SecureContextOptions = {};
    const names = Object.values(files).filter((file) => file !== undefined);
    try {
      if (files.ca !== undefined) options.ca = await readFile(files.ca);
      if (files.cert !== undefined) options.cert = await readFile(files.cert);
      if (files.key !== undefined) options.key = await readFile(files.key);
      createSecureContext(options);
    } catch (error) {
      findings.push(finding('error', `cannot use ${names.join(', ')}: ${messageOf(error)}`, error));
    }
  }
  return findings;
}

async function checkFolders(config: Config): Promise<ConfigFinding[]> {
  const { baseDir, stateDir, mailEngine } = config;
  const folders = [
    ['base_dir', baseDir],
    ['state_dir', stateDir],
    ...(mailEngine === 'builtin' ? [['the folder of mail_home', mailHomesFolder(config)]] : []),
  ];
  const findings: ConfigFinding[] = [];
  for (const [name, folder] of folders) {
    if (folder === undefined) continue;
    try {
      if (!(await stat(folder)).isDirectory()) throw new Error('it is no folder');
      await access(folder, constants.W_OK | constants.X_OK);
    } catch (error) {
      findings.push(finding('warning', `${name} ${folder} cannot be used: ${messageOf(error)}`, error));
    }
  }
  return findings;
}

function checkChannels({ channels }: Config): ConfigFinding[] {
  if (channels.length > 0) return [];
  const message = 'no channel is configured: nothing will be replicated from this host';
  return [{ severity: 'warning', message, hint: 'add [channels.default] with mail_replica' }];
}

const finding = (severity: ConfigFinding['severity'], message: string, error: unknown): ConfigFinding => ({
  severity,
  message,
  hint: error instanceof DsyncdError ? (error.hint ?? hintOf(error.cause)) : hintOf(error),
});

const hintOf = (error: unknown): string | undefined =>
  systemCode(error) === 'ENOENT'
    ? 'create it, or correct its name in the configuration'
    : systemErrorHint(error);
