import { DsyncdError } from '@dsyncd/core';
import type { DoveadmLogLine } from '@dsyncd/protocol';
import { meanings } from './dovecot/meanings.ts';
import { withoutPrefix } from './dovecot/verdict.ts';

/** What we say when a Dovecot has ended a sync, whose reason is in its log alone. */
const unexplained: ReadonlySet<string> = new Set([
  'DSYNCD_MAIL_REFUSED',
  'DSYNCD_PEER_GAVE_UP',
  'DSYNCD_PEER_FAILED',
  'DSYNCD_LINK_LOST',
]);

/** Consequences of the end, not its cause. */
const isConsequence = (text: string): boolean => /disconnected|broken pipe|connection reset|eof/i.test(text);

/**
 * The error of a sync that a Dovecot gave up, with its own words and with the remedy for them.
 * @param log - what it logged during the sync
 */
export function withPeersReason(error: unknown, log: readonly DoveadmLogLine[]): unknown {
  if (!(error instanceof DsyncdError) || !unexplained.has(error.code)) return error;
  const texts = log
    .filter(({ severity }) => severity === 'error')
    .map(({ text }) => withoutPrefix(text))
    .filter((text) => !isConsequence(text));
  const [known] = meanings.flatMap((meaning) =>
    texts.filter((text) => meaning.says.test(text)).map((text) => ({ text, hint: meaning.hint })),
  );
  const { text, hint } = known ?? { text: texts[0], hint: error.hint };
  if (text === undefined) return error;
  return new DsyncdError(error.code, `${error.message}; it says: ${text}`, {
    outcome: error.outcome,
    hint,
    cause: error,
  });
}
