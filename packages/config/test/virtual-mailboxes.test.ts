import { expect, it } from 'vitest';
import { parseDoveconf, virtualMailboxMasks } from '../src/index.ts';

it('names the mailboxes that Dovecot makes up, in the words of 2.3 and of 2.4', () => {
  const text = `
namespace inbox {
  prefix =
  location = maildir:~/Maildir
}
namespace old {
  prefix = virtual/
  location = virtual:~/virtual
}
namespace new {
  prefix = Smart/
  mail_driver = virtual
}
namespace bare {
  prefix =
  location = virtual:/etc/virtual
}
`;
  expect(virtualMailboxMasks(parseDoveconf(text))).toEqual(['virtual/*', 'Smart/*']);
});
