import type { Config } from './config.ts';

/** How long a sync of a channel may take: what the channel says of itself, else what is said of all. */
export const syncTimeoutMs = (config: Pick<Config, 'channels' | 'dsyncTimeoutMs'>, channel: string): number =>
  config.channels.find(({ name }) => name === channel)?.dsyncTimeoutMs ?? config.dsyncTimeoutMs;
