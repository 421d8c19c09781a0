import { DsyncdError, type OutcomeKind, type SyncFailure } from '@dsyncd/core';
import type { DoveadmAnswer, DoveadmLogLine } from '@dsyncd/protocol';
import { type Meaning, meanings, wordMeanings } from './log-patterns.ts';

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
  const told = log.filter(({ severity }) => severity === 'error' || severity === 'warning');
  const notes = told.map(({ text }) => withoutPrefix(text));
  const isVoid = told.some(({ text }) => voidState.test(text));
  // Then it has compared everything by itself.
  if (answer.word === '+') return { outcome: 'ok', state, notes };
  if (isChanged(answer, told)) return { outcome: 'changed', state: isVoid ? '' : state, notes };
  const { meaning, text } = causeOf(answer.word, told);
  const dropped = isVoid ? { state: '' } : {};
  if (meaning.outcome === 'changed') return { outcome: 'changed', notes, ...dropped };
  const failure = { code: meaning.code, reason: text, hint: meaning.hint };
  // The cause is told once, as the failure.
  return { outcome: meaning.outcome, failure, notes: notes.filter((note) => note !== text), ...dropped };
}

/**
 * 2.4 has a word for "the mailbox changed meanwhile". 2.3 says UNKNOWN, as for any error that has no word; but it
 * has printed a state before (an empty one when the next sync must be full), and then it logs no error.
 */
function isChanged({ word, output }: DoveadmAnswer, told: readonly DoveadmLogLine[]): boolean {
  if (word === 'CHANGED') return true;
  const hasPrintedState = output.length > 1;
  return (
    word === 'UNKNOWN' &&
    hasPrintedState &&
    !told.some((line) => line.severity === 'error' && !isHarmless(line))
  );
}

/** The state that the sync was given does not fit the mailboxes any more; with it the next sync would end alike. */
const voidState = /retry with a full sync|run again without the state|need to restart/i;

/** Dovecot helped itself. */
const isHarmless = ({ text }: DoveadmLogLine): boolean => /saved sync state is invalid/i.test(text);

function causeOf(
  word: string,
  told: readonly DoveadmLogLine[],
): { readonly meaning: Omit<Meaning, 'says'>; readonly text: string } {
  const texts = told.filter((line) => !isHarmless(line)).map(({ text }) => withoutPrefix(text));
  for (const meaning of meanings) {
    const text = texts.find((each) => meaning.says.test(each));
    if (text !== undefined) return { meaning, text };
  }
  const known = wordMeanings[word.split(' ', 1)[0] ?? ''] ?? wordMeanings.UNKNOWN;
  const meaning = known ?? { code: 'DSYNCD_DOVECOT_FAILED', outcome: 'transient', hint: '', says: word };
  return { meaning, text: texts[0] ?? meaning.says };
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
