#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { configFileName } from '@dsyncd/config';
import { endWith, runDaemon } from '@dsyncd/process';
import { startServer } from './daemon.ts';
import { serveStdio } from './stdio.ts';

const usage = `usage: dsync-server [-c FILE]
       dsync-server --stdio [-u USER] [-c FILE]

The other end of a sync. The first form listens for tcp: and tcps: replicas as [listeners.doveadm] says; signals:
HUP reads the configuration and the certificate again, TERM and INT end it after the running syncs. The second
form answers one sync on standard input and output; it is what SSH starts. Without -u the user name is read
from the first line (remoteprefix:).
`;

const isStdio = process.argv.includes('--stdio');
if (!isStdio) await runDaemon('dsync-server', usage, configFileName(), startServer);
else
  try {
    const { values } = parseArgs({
      options: {
        stdio: { type: 'boolean' },
        user: { type: 'string', short: 'u' },
        config: { type: 'string', short: 'c' },
      },
    });
    process.exit(await serveStdio(configFileName(values.config), values.user));
  } catch (error) {
    endWith('dsync-server', error, usage);
  }
