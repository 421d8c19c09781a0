import type { ConsumerConfig } from '../config.ts';
import type { Settings } from '../settings/settings.ts';
import { given } from './build-optional-tables.ts';
import type { KeyProblem } from './check.ts';

type FeedSettings = Pick<Settings, 'queue' | 'change_feed' | 'consumers'>;

/** The change feed and its consumers. */
export function buildChanges(
  { queue, change_feed, consumers }: FeedSettings,
  problems: KeyProblem[],
): { readonly changeFeed: boolean; readonly consumers: readonly ConsumerConfig[] } {
  const entries = Object.entries(consumers);
  // Each dsyncd of the backend would know of the changes that it took in itself, and of no others.
  const message = 'is not there yet with queue = "redis"';
  if (queue === 'redis' && change_feed) problems.push({ path: ['change_feed'], message });
  if (queue === 'redis' && entries.length > 0) problems.push({ path: ['consumers'], message });
  return {
    changeFeed: change_feed || entries.length > 0,
    consumers: entries.map(([name, consumer]) => buildConsumer(name, consumer, problems)),
  };
}

function buildConsumer(
  name: string,
  consumer: Settings['consumers'][string],
  problems: KeyProblem[],
): ConsumerConfig {
  const note = (key: string | undefined, message: string): void => {
    problems.push({ path: ['consumers', name, ...(key === undefined ? [] : [key])], message });
  };
  const { command, url, token_file } = consumer;
  if ((command === undefined) === (url === undefined)) note(undefined, 'needs either a command or a url');
  if (command?.[0]?.startsWith('/') === false)
    note('command', 'must begin with the absolute path of a program');
  if (token_file !== undefined && url === undefined) note('token_file', 'is for url');
  return {
    name,
    ...given('command', command),
    ...given('url', url),
    ...given('tokenFile', token_file),
    format: consumer.format,
    usersMax: consumer.users_max,
    delayMs: consumer.delay,
    timeoutMs: consumer.timeout,
  };
}
