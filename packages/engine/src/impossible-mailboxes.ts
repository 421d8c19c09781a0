import { DsyncdError } from '@dsyncd/core';
import type { DoveadmLogLine } from '@dsyncd/protocol';
import { logPatterns } from './dovecot/log-patterns.ts';

/** In the words of a Dovecot: which mailbox it cannot have, and why. */
const words = [
  /Couldn't find namespace for mailbox (?<name>.+)$/,
  /Can't create mailbox (?<name>.+): (?<why>.+)$/,
] as const;

/** So many are left out before the sync is given up; a try costs some 50 ms. */
const mailboxesMax = 100;
const namesMax = 3;

/**
 * Mailboxes that a Dovecot cannot have, learnt from what it says when it gives up over one: its namespaces have no
 * place for the name, or its files cannot be named so. The sync is tried again without, so that the others go on.
 */
export class ImpossibleMailboxes {
  readonly #reasons = new Map<string, string>();

  get names(): readonly string[] {
    return [...this.#reasons.keys()];
  }

  /** Is there one in the log that was not known yet? Then another try may get further. */
  learn(log: readonly DoveadmLogLine[]): string | undefined {
    if (this.#reasons.size >= mailboxesMax) return undefined;
    for (const { severity, text } of log) {
      if (severity !== 'error') continue;
      for (const pattern of words) {
        const found = pattern.exec(text);
        const name = found?.groups?.name;
        if (found === null || name === undefined || name === 'INBOX' || this.#reasons.has(name)) continue;
        if (isNotOfName(found.groups?.why ?? '')) continue;
        this.#reasons.set(name, found[0]);
        return name;
      }
    }
    return undefined;
  }

  /** That turned out not to be ours. */
  forget(name: string): void {
    this.#reasons.delete(name);
  }

  /** What a sync that did all the rest ends as; undefined when nothing was left out. */
  failure(): DsyncdError | undefined {
    const [first] = this.#reasons.values();
    if (first === undefined) return undefined;
    const names = this.names.slice(0, namesMax).map(shortened).join(', ');
    const more = this.names.length > namesMax ? ` and ${this.names.length - namesMax} more` : '';
    return new DsyncdError(
      'DSYNCD_MAILBOX_LEFT_OUT',
      `a Dovecot cannot have the ${this.names.length === 1 ? 'mailbox' : 'mailboxes'} ${names}${more}, the others are synced; it says: ${first}`,
      {
        outcome: 'transient',
        hint: 'rename the mailbox where it is: shorter, or, when the Dovecot has a namespace with a prefix such as "INBOX.", below INBOX; or give that Dovecot a namespace with an empty prefix',
      },
    );
  }
}

/** A full disk, a quota, a virtual namespace: these have remedies of their own. */
const isNotOfName = (why: string): boolean => logPatterns.some(({ says }) => says.test(why));

/** A name may have thousands of characters. */
const shortened = (name: string): string => (name.length > 100 ? `${name.slice(0, 100)}…` : name);
