import { type Config, listUsers, mailHomeOf } from '@dsyncd/config';
import { type Logger, systemClock, systemRandom } from '@dsyncd/core';
import { type MailStore, openMaildirStore } from '@dsyncd/mailstore';

/** The built-in store where the configuration puts it. */
export const openStore = (
  { mailHome, mailKeywordsMax }: Pick<Config, 'mailHome' | 'mailKeywordsMax'>,
  logger: Logger,
): MailStore =>
  openMaildirStore({
    home: (user) => mailHomeOf(mailHome, user),
    users: () => listUsers(mailHome),
    clock: systemClock,
    random: systemRandom,
    limits: { keywordsPerMailboxMax: mailKeywordsMax },
    logger,
  });
