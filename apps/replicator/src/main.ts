#!/usr/bin/env node
import { configFileName } from '@dsyncd/config';
import { runDaemon } from '@dsyncd/process';
import { startReplicator } from './daemon.ts';

const usage = `usage: dsyncd [-c FILE]

The replicator: takes notifications of changed users and syncs them with their replicas. Signals:
HUP reads the configuration again, TERM and INT finish or give up running syncs within 10 s and end.
\`dsyncadm replicator status\` shows what it does.
`;

await runDaemon('dsyncd', usage, configFileName(), startReplicator);
