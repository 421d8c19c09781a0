#!/usr/bin/env node
import { configFileName } from '@dsyncd/config';
import { runDaemon } from '@dsyncd/process';
import { startLmtp } from './program.ts';

const usage = `usage: dsync-lmtp [-c FILE]

Takes mail by LMTP into the built-in store and notifies dsyncd of it. Signals: HUP reads the
configuration again, TERM and INT end it after the mails that are coming in.
`;

await runDaemon('dsync-lmtp', usage, configFileName(), startLmtp);
