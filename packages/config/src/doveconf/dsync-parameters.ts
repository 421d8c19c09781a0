import { formatDuration } from '../settings/units.ts';
import type { Draft } from './draft.ts';

const setting = 'replication_dsync_parameters';

/** Options of `doveadm sync` that take a value. */
const withValue = new Set(['l', 'T', 'x', 'm', 'n', 'g', 'r', 's', 't', 'e', 'I', 'O', 'a', 'u', 'o', 'c']);

/** Why an option has nothing to match it. */
const reasons: Readonly<Record<string, string>> = {
  '1': 'dsyncd syncs both ways: a one-way sync would undo what the other side changed',
  R: 'dsyncd syncs both ways: a reverse sync would undo what the other side changed',
  x: 'dsyncd replicates all mailboxes of a user',
  m: 'dsyncd replicates all mailboxes of a user',
  g: 'dsyncd replicates all mailboxes of a user',
  n: 'dsyncd replicates all namespaces of a user',
  t: 'dsyncd replicates mails of any age',
  e: 'dsyncd replicates mails of any age',
  I: 'dsyncd replicates mails of any size',
  O: 'dsyncd replicates mails with any flags',
  f: 'every sync would be a full one; dsyncd makes incremental ones and a full one at replication_full_sync_interval',
  P: 'dsyncd leaves `doveadm purge` to each host',
  a: 'dsyncd makes no virtual mailbox of all mails',
  r: 'a log of the raw stream is for hunting a defect',
  s: 'dsyncd keeps the state of each user itself',
  E: 'dsyncd speaks the present dsync protocol',
};

/** The options of the syncs that Dovecot's replicator started. */
export function importDsyncParameters(text: string | undefined, draft: Draft): void {
  if (text === undefined) return;
  let allNamespaces = false;
  for (const { option, value } of optionsOf(text)) {
    if (option === 'N') allNamespaces = true;
    else if (option === 'l') importSeconds('-l', 'dsync_lock_timeout', value, draft);
    else if (option === 'T') importSeconds('-T', 'dsync_timeout', value, draft);
    // The default destination, the note to the other replicator, and the verbosity need no match.
    else if (!['d', 'U', 'v', 'D'].includes(option))
      draft.lost(
        `${setting} -${option}${value === undefined ? '' : ` ${value}`}`,
        reasons[option] ?? 'dsyncd has no such option',
      );
  }
  if (!allNamespaces)
    draft.changed(
      setting,
      'it has no -N, so only the namespace of INBOX was replicated; dsyncd replicates all of them',
      'give shared and public namespaces only to one of the hosts, or to none',
    );
}

interface Option {
  readonly option: string;
  readonly value: string | undefined;
}

/** `-dN -l 30 -x Spam` as single options; words that are none come out with their own name. */
function optionsOf(text: string): Option[] {
  const words = text.split(/\s+/).filter((word) => word !== '');
  const options: Option[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? '';
    if (!/^-[A-Za-z0-9]/.test(word)) {
      options.push({ option: word, value: undefined });
      continue;
    }
    for (let at = 1; at < word.length; at++) {
      const option = word[at] ?? '';
      if (!withValue.has(option)) {
        options.push({ option, value: undefined });
        continue;
      }
      options.push({ option, value: at + 1 < word.length ? word.slice(at + 1) : words[++index] });
      break;
    }
  }
  return options;
}

function importSeconds(option: string, key: string, text: string | undefined, draft: Draft): void {
  const [least, most] = key === 'dsync_timeout' ? [1, 604_800] : [0, 3600];
  const seconds = text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (seconds === undefined) {
    draft.lost(`${setting} ${option}`, `${JSON.stringify(text ?? '')} is no number of seconds`);
    return;
  }
  const kept = Math.min(Math.max(seconds, least), most);
  if (kept !== seconds)
    draft.changed(`${setting} ${option} ${seconds}`, `${key} is from ${least} to ${most} seconds`);
  draft.set('', key, formatDuration(kept * 1000));
}
