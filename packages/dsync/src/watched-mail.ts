import type { MailboxMail, UserMail } from '@dsyncd/mailstore';

/** The user's mail, where every call first asks `check`, which throws when the work is not wanted any more. */
export function watchUser(user: UserMail, check: () => void): UserMail {
  const watchMailbox = (mailbox: MailboxMail): MailboxMail => watch(mailbox, check);
  return watch(user, check, {
    mailbox: async (guid) => watchMailbox(await user.mailbox(guid)),
    mailboxByPath: async (path) => {
      const mailbox = await user.mailboxByPath(path);
      return mailbox === undefined ? undefined : watchMailbox(mailbox);
    },
  });
}

/** All calls answer promises, so that what `check` throws becomes a rejection. */
function watch<Watched extends object>(
  target: Watched,
  check: () => void,
  instead: Partial<Watched> = {},
): Watched {
  return new Proxy(target, {
    get(_, name) {
      const given: unknown = Reflect.get(instead, name) ?? Reflect.get(target, name);
      if (typeof given !== 'function') return given;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        check();
        return Reflect.apply(given, target, args) as unknown;
      };
    },
  });
}
