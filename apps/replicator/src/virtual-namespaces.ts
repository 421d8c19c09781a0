import { blocksOf, type Config, type DoveconfTree, settingOf } from '@dsyncd/config';
import type { Logger } from '@dsyncd/core';
import { runDoveconf } from '@dsyncd/doctor';

/**
 * Masks of the mailboxes that Dovecot only makes up from others, as its configuration has them: no other host could take
 * them over. None where the configuration cannot be read.
 */
export async function virtualMailboxes(config: Config, logger: Logger): Promise<readonly string[]> {
  try {
    return virtualMasks((await runDoveconf(config)).tree);
  } catch (error) {
    logger.info(
      { error },
      'doveconf -n cannot be read: set exclude_mailboxes when there is a namespace with virtual mailboxes',
    );
    return [];
  }
}

function virtualMasks(tree: DoveconfTree): readonly string[] {
  const isVirtual = (block: Parameters<typeof settingOf>[0]): boolean =>
    /^virtual:/.test(settingOf(block, 'location') ?? '') || settingOf(block, 'mail_driver') === 'virtual';
  return blocksOf(tree, 'namespace')
    .filter(isVirtual)
    .flatMap((block) => settingOf(block, 'prefix') ?? [])
    .filter((prefix) => prefix !== '')
    .map((prefix) => `${prefix}*`);
}
