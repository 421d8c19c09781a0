import { DsyncdError, type OutcomeKind, type SyncFailure } from '@dsyncd/core';
import type { DoveadmAnswer, DoveadmLogLine } from '@dsyncd/protocol';
import { type LogPattern, logPatterns, wordPatterns } from './log-patterns.ts';

/** What a command ended as, read from its answer and from what Dovecot logged meanwhile. */
export interface Verdict {
  readonly outcome: OutcomeKind;
  /** That Dovecot printed, or '' where it found the one that it was given to be of no use. */
  readonly state?: string;
  readonly failure?: SyncFailure;
  readonly notes: readonly string[];
}

export function judge(answer: DoveadmAnswer, log: readonly DoveadmLogLine[]): Verdict {
  const state = answer.output[0] ?? '';
  const logged = log.filter(({ severity }) => severity === 'error' || severity === 'warning');
  const notes = logged.map(({ text }) => withoutPrefix(text));
  const isVoid = logged.some(({ text }) => voidState.test(text));
  // Then it has compared everything by itself.
  if (answer.word === '+') return { outcome: 'ok', state, notes };
  if (isChanged(answer, logged)) return { outcome: 'changed', state: isVoid ? '' : state, notes };
  const { pattern, text } = causeOf(answer.word, logged);
  const dropped = isVoid ? { state: '' } : {};
  if (pattern.outcome === 'changed') return { outcome: 'changed', notes, ...dropped };
  const failure = { code: pattern.code, reason: text, hint: pattern.hint };
  // The cause is logged once, as the failure.
  return { outcome: pattern.outcome, failure, notes: notes.filter((note) => note !== text), ...dropped };
}

/**
 * 2.4 has a word for "the mailbox changed meanwhile". 2.3 says UNKNOWN, as for any error that has no word; but it
 * has printed a state before (an empty one when the next sync must be full), and then it logs no error.
 */
function isChanged({ word, output }: DoveadmAnswer, logged: readonly DoveadmLogLine[]): boolean {
  if (word === 'CHANGED') return true;
  const hasPrintedState = output.length > 1;
  return (
    word === 'UNKNOWN' &&
    hasPrintedState &&
    !logged.some((line) => line.severity === 'error' && !isHarmless(line))
  );
}

/** The state that the sync was given does not fit the mailboxes any more; with it the next sync would end alike. */
const voidState = /retry with a full sync|run again without the state|need to restart/i;

/** Dovecot helped itself. */
const isHarmless = ({ text }: DoveadmLogLine): boolean => /saved sync state is invalid/i.test(text);

function causeOf(
  word: string,
  logged: readonly DoveadmLogLine[],
): { readonly pattern: Omit<LogPattern, 'says'>; readonly text: string } {
  const texts = logged.filter((line) => !isHarmless(line)).map(({ text }) => withoutPrefix(text));
  for (const pattern of logPatterns) {
    const text = texts.find((each) => pattern.says.test(each));
    if (text !== undefined) return { pattern, text };
  }
  const known = wordPatterns[word.split(' ', 1)[0] ?? ''] ?? wordPatterns.UNKNOWN;
  const pattern = known ?? { code: 'DSYNCD_DOVECOT_FAILED', outcome: 'transient', hint: '', says: word };
  return { pattern, text: texts[0] ?? pattern.says };
}

/** Without the process, the user and the session that stand before each message: `doveadm(jane)<12><ab>: `. */
export const withoutPrefix = (text: string): string =>
  text.replace(/^(?:[\w.-]+(?:\([^)]*\))?(?:<[^>]*>)*: )?(?:Error: |Warning: |Fatal: )?/, '');

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
  const [known] = logPatterns.flatMap((pattern) =>
    texts.filter((text) => pattern.says.test(text)).map((text) => ({ text, hint: pattern.hint })),
  );
  const { text, hint } = known ?? { text: texts[0], hint: error.hint };
  if (text === undefined) return error;
  return new DsyncdError(error.code, `${error.message}; it says: ${text}`, {
    outcome: error.outcome,
    hint,
    cause: error,
  });
}
