import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Config, mailHomesFolder, readSecret } from '@dsyncd/config';
import { DsyncdError } from '@dsyncd/core';

/** One thing about a configuration that an operator should know. */
export interface ConfigFinding {
  /** `error`: something will not work; `warning`: it may be meant like that. */
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly hint: string | undefined;
}

/** Below it a secret can be found by trying; `openssl rand -hex 32` makes 64. */
const secretCharsMin = 16;

const othersWrite = 0o002;
const others = 0o007;

/** Checks which other users of this host may read or change what replication trusts. */
export async function checkAccess(config: Config): Promise<readonly ConfigFinding[]> {
  const findings = await Promise.all([
    ...writtenByNoOther(config).map(([name, path]) => checkWriters(name, path)),
    ...secretFiles(config).map(checkSecret),
    ...keyFiles(config).map(checkKey),
  ]);
  return findings.flat();
}

/** Write access to these is enough to take over the programs, or the mail. */
function writtenByNoOther(config: Config): readonly (readonly [name: string, path: string])[] {
  return [
    ...[config.file, ...config.includedFiles].map((file) => ['the configuration', file] as const),
    ...foldersOfIncludes(config).map((folder) => ['the folder of the configuration', folder] as const),
    ['state_dir', config.stateDir],
    ['base_dir', config.baseDir],
    ...(config.mailEngine === 'builtin'
      ? [['the folder of mail_home', mailHomesFolder(config)] as const]
      : []),
  ];
}

/** Anybody who may add a file there changes the configuration. */
const foldersOfIncludes = ({ includedFiles }: Config): readonly string[] => [
  ...new Set(includedFiles.map((file) => dirname(file))),
];

function secretFiles(config: Config): readonly string[] {
  const { redis, alerts, listeners } = config;
  return named([
    ...[config, ...config.channels].map(({ doveadmPasswordFile }) => doveadmPasswordFile),
    ...Object.values(listeners.http?.tokenFiles ?? {}),
    redis?.passwordFile,
    redis?.sentinelPasswordFile,
    alerts?.webhookUrlFile,
  ]);
}

const keyFiles = ({ ssl, ssh, redis }: Config): readonly string[] =>
  named([ssl.clientKeyFile, ssl.serverKeyFile, ssh.keyFile, redis?.keyFile]);

const named = (files: readonly (string | undefined)[]): readonly string[] => [
  ...new Set(files.filter((file) => file !== undefined)),
];

async function checkWriters(name: string, path: string): Promise<ConfigFinding[]> {
  const mode = await modeOf(path);
  if (mode === undefined || (mode & othersWrite) === 0) return [];
  return [
    {
      severity: 'warning',
      message: `${name} ${path} can be written by everyone on this host (${octal(mode)})`,
      hint: `chmod o-w ${path}; then look whether somebody has changed what is in it`,
    },
  ];
}

async function checkSecret(file: string): Promise<ConfigFinding[]> {
  try {
    if ((await readSecret(file)).length >= secretCharsMin) return [];
    return [
      {
        severity: 'warning',
        message: `the secret in ${file} has fewer than ${secretCharsMin} characters: it can be guessed`,
        hint: `make a new one, on both hosts the same: openssl rand -hex 32 > ${file}`,
      },
    ];
  } catch (error) {
    if (!(error instanceof DsyncdError)) throw error;
    return [{ severity: 'error', message: error.message, hint: error.hint }];
  }
}

async function checkKey(file: string): Promise<ConfigFinding[]> {
  const mode = await modeOf(file);
  if (mode === undefined || (mode & others) === 0) return [];
  return [
    {
      severity: 'warning',
      message: `the private key ${file} is open to everyone on this host (${octal(mode)})`,
      hint: `chmod 600 ${file}; if others may have seen the key, make a new one`,
    },
  ];
}

/** Undefined for what is not there or cannot be inspected, which other checks report. */
const modeOf = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ mode }) => mode,
    () => undefined,
  );

const octal = (mode: number): string => `mode ${(mode & 0o7777).toString(8)}`;
