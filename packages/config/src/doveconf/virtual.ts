import { blocksOf, type DoveconfBlock, type DoveconfTree, settingOf } from './tree.ts';

/** Masks of the mailboxes that Dovecot only makes up from others: no other host could take them over. */
export function virtualMailboxMasks(tree: DoveconfTree): readonly string[] {
  const isVirtual = (block: DoveconfBlock): boolean =>
    /^virtual:/.test(settingOf(block, 'location') ?? '') || settingOf(block, 'mail_driver') === 'virtual';
  return blocksOf(tree, 'namespace')
    .filter(isVirtual)
    .flatMap((block) => settingOf(block, 'prefix') ?? [])
    .filter((prefix) => prefix !== '')
    .map((prefix) => `${prefix}*`);
}
