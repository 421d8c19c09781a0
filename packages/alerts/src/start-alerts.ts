import { join } from 'node:path';
import { type Config, readSecret } from '@dsyncd/config';
import { type Logger, systemClock } from '@dsyncd/core';
import type { ConsumerReport, HostProblem } from '@dsyncd/protocol';
import type { ReplicationQueue } from '@dsyncd/queue';
import { type AlertPlan, AlertWatch } from './alert-watch.ts';
import type { AlertChannel } from './find-problems.ts';

export interface AlertParts {
  readonly config: () => Config;
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly AlertChannel[];
  readonly host: () => readonly HostProblem[];
  readonly consumers: () => Promise<readonly ConsumerReport[]>;
  readonly logger: Logger;
}

/** Begins to watch; sends nothing while the configuration has no `[alerts]`. */
export function startAlerts({ config, queue, channels, host, consumers, logger }: AlertParts): AlertWatch {
  const watch = new AlertWatch({
    queue,
    channels,
    host,
    consumers,
    plan: () => planOf(config()),
    hostname: () => config().hostname,
    silenceFile: join(config().stateDir, 'alerts-silent-until'),
    clock: systemClock,
    logger,
  });
  watch.start();
  return watch;
}

function planOf({ alerts }: Config): AlertPlan | undefined {
  if (alerts === undefined) return undefined;
  const { webhookUrlFile, mailTo, sendmailPath, graceMs, repeatMs } = alerts;
  return {
    graceMs,
    repeatMs,
    webhookUrl: webhookUrlFile === undefined ? undefined : () => readSecret(webhookUrlFile),
    mail: mailTo === undefined ? undefined : { sendmailPath, to: mailTo },
  };
}
