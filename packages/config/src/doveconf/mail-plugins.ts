import type { Draft } from './draft.ts';
import { blocksOf, type DoveconfTree, settingOf } from './tree.ts';

/** Both, or a protocol's changes wait for the next full sync. */
const needed = ['notify', 'replication'] as const;

/** Protocols by which mail changes. */
const protocols = ['imap', 'lmtp', 'lda', 'pop3', 'doveadm', 'sieve', 'indexer-worker'] as const;

const wordsOf = (text: string | undefined): readonly string[] => (text ?? '').split(/\s+/);

/** The plugins that a protocol lacks for its changes to be notified. */
export const missingNotifyPlugins = (mailPlugins: string | undefined): readonly string[] =>
  needed.filter((plugin) => !wordsOf(mailPlugins).includes(plugin));

/**
 * The replication of a protocol whose own `mail_plugins` forgot the global ones looks healthy and does
 * nothing: worth a word even when nothing of it goes into our file.
 */
export function checkMailPlugins(tree: DoveconfTree, draft: Draft): void {
  const general = missingNotifyPlugins(settingOf(tree, 'mail_plugins'));
  if (general.length > 0)
    draft.todo(
      'mail_plugins',
      `the global value lacks ${general.join(' and ')}: protocols without a value of their own report no change`,
      'set mail_plugins = $mail_plugins notify replication at the top, before the protocol blocks',
    );
  for (const block of blocksOf(tree, 'protocol')) {
    if (!block.settings.has('mail_plugins') || !isOurs(block.name)) continue;
    const missing = missingNotifyPlugins(settingOf(block, 'mail_plugins'));
    if (missing.length > 0)
      draft.todo(
        `protocol ${block.name}/mail_plugins`,
        `it lacks ${missing.join(' and ')}: what ${block.name} changes is replicated by the next full sync only`,
        `set mail_plugins = $mail_plugins ... in protocol ${block.name}, after the global mail_plugins`,
      );
  }
}

const isOurs = (name: string): boolean => protocols.some((protocol) => name.split(/\s+/).includes(protocol));
