import { join } from 'node:path';
import { type Config, readSecret } from '@dsyncd/config';
import { type Logger, systemClock } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import { type AlertPlan, AlertWatch, type Channel, type HostProblem } from '@dsyncd/replicator';

export interface AlertParts {
  readonly config: () => Config;
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly Channel[];
  readonly host: () => readonly HostProblem[];
  readonly logger: Logger;
}

/** Begins to watch; tells nobody while the configuration has no `[alerts]`. */
export function startAlerts({ config, queue, channels, host, logger }: AlertParts): AlertWatch {
  const watch = new AlertWatch({
    queue,
    channels,
    host,
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
