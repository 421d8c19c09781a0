import { systemFlags } from '@dsyncd/mailstore';
import type { Difference, FlagSet } from '@dsyncd/verify';

/** One line for a person. @param here, there - names of the hosts */
export function differenceText(difference: Difference, here: string, there: string): string {
  const names = { here, there };
  switch (difference.kind) {
    case 'user-missing':
      return `${names[difference.missing]} does not have this user`;
    case 'mailbox-missing':
      return `${nameOf(difference)}: ${names[difference.missing]} does not have this mailbox (${difference.mails} mails)`;
    case 'subscription':
      return `${nameOf(difference)}: subscribed on ${names[difference.subscribed]} only`;
    case 'mailbox-guid':
    case 'uidvalidity':
      return `${nameOf(difference)}: ${kinds[difference.kind]} ${difference.here} on ${here}, ${difference.there} on ${there}`;
    case 'mail-missing':
      return `${nameOf(difference)}: ${names[difference.missing]} does not have the mail with UID ${difference.uid} (GUID ${difference.guid})`;
    case 'mail-uid':
      return `${nameOf(difference)}: the mail ${difference.guid} has UID ${difference.here} on ${here}, ${difference.there} on ${there}`;
    case 'flags':
      return `${nameOf(difference)}: UID ${difference.uid} has ${flagText(difference.here)} on ${here}, ${flagText(difference.there)} on ${there}`;
  }
}

const kinds = { 'mailbox-guid': 'GUID', uidvalidity: 'UIDVALIDITY' } as const;

const nameOf = ({ path }: { readonly path: readonly string[] }): string => path.join('/');

function flagText({ flags, keywords }: FlagSet): string {
  const names = [...systemFlags.filter((_, bit) => (flags & (1 << bit)) !== 0), ...keywords];
  return names.length === 0 ? 'no flags' : names.join(' ');
}
