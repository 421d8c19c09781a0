#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { configFileName } from '@dsyncd/config';
import { DsyncdError } from '@dsyncd/core';
import { startLmtp } from './program.ts';

const usage = `usage: dsync-lmtp [-c FILE]

Takes mail by LMTP into the built-in store and tells dsyncd of it. Signals: HUP reads the
configuration again, TERM and INT end it after the mails that are coming in.
`;

const fail = (text: string): never => {
  process.stderr.write(text);
  // EX_CONFIG: the service manager need not try again before somebody has changed something.
  process.exit(78);
};

const describe = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  return error instanceof DsyncdError && error.hint !== undefined
    ? `${error.message}\n(${error.hint})`
    : error.message;
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { config: { type: 'string', short: 'c' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const program = await startLmtp(configFileName(values.config));
  process.on('SIGHUP', () => void program.reload());
  const stop = (): void => void program.stop().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => fail(`dsync-lmtp: ${describe(error)}\n`));
