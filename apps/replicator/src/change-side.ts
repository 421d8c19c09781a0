import { join } from 'node:path';
import { type ChangeFeed, type ConsumerPlan, Consumers, openSqliteFeed } from '@dsyncd/changes';
import { type Config, type ConsumerConfig, readSecret } from '@dsyncd/config';
import { type Logger, systemClock, type UserName } from '@dsyncd/core';

/** The change feed, where the configuration wants one. The folder must be ours already: the queue is open. */
export const openFeed = async (
  { changeFeed, stateDir }: Config,
  logger: Logger,
): Promise<ChangeFeed | undefined> =>
  changeFeed ? openSqliteFeed({ file: join(stateDir, 'changes.sqlite'), logger }) : undefined;

export interface ConsumerSide {
  readonly status: Consumers['status'];
  /** Takes over another configuration. */
  configure(config: Config): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the consumers of the configuration. */
export async function startConsumers(
  config: Config,
  feed: ChangeFeed | undefined,
  users: () => AsyncIterable<UserName>,
  logger: Logger,
): Promise<ConsumerSide> {
  const consumers =
    feed === undefined ? undefined : new Consumers({ feed, users, clock: systemClock, logger });
  await consumers?.configure(config.consumers.map(planOf));
  return {
    status: async () => (await consumers?.status()) ?? [],
    async configure(next) {
      if (next.changeFeed !== (feed !== undefined))
        logger.warn({}, 'the change feed begins or ends with the next start of dsyncd');
      await consumers?.configure(next.consumers.map(planOf));
    },
    stop: async () => consumers?.stop(),
  };
}

function planOf({ name, command, url, tokenFile, ...limits }: ConsumerConfig): ConsumerPlan {
  const plan = { name, ...limits };
  if (command !== undefined) return { ...plan, command };
  const token = tokenFile === undefined ? undefined : () => readSecret(tokenFile);
  return { ...plan, url: url ?? '', tokenFile, token };
}
