import { type Config, UserHomes } from '@dsyncd/config';
import { type Logger, systemClock, systemRandom } from '@dsyncd/core';
import { type MailStore, openMaildirStore } from '@dsyncd/mailstore';

/** The built-in store where the configuration puts it. */
export const openStore = (
  config: Pick<Config, 'mailHome' | 'usernameFormat' | 'mailKeywordsMax'>,
  logger: Logger,
  homes = new UserHomes(config),
): MailStore =>
  openMaildirStore({
    home: (user) => homes.of(user),
    users: () => homes.list(),
    clock: systemClock,
    random: systemRandom,
    limits: { keywordsPerMailboxMax: config.mailKeywordsMax },
    logger,
  });
