import type { ChannelConfig, Config } from '@dsyncd/config';
import { type Result, runChannelCheck, runHostCheck } from './check.ts';
import { watchedChannelChecks, watchedHostChecks } from './checks/index.ts';
import { openScene, type SceneOptions } from './scene.ts';

/** A check that hangs is cut off after it; the others are not held up. */
const timeoutMs = 15_000;

/**
 * What a running dsyncd looks at all the time: the checks that cost little, however many users there are.
 * Answers the problems alone; a warning is for whoever asks `dsyncadm doctor`.
 */
export async function findProblems(
  config: Config,
  known: Pick<SceneOptions, 'clock' | 'version' | 'dsyncds'>,
): Promise<readonly Result[]> {
  const scene = openScene({ config, ...known, signal: AbortSignal.timeout(timeoutMs) });
  try {
    const results = await Promise.all([
      ...watchedHostChecks.map((check) => runHostCheck(check, scene)),
      ...config.channels.flatMap((channel: ChannelConfig) =>
        watchedChannelChecks.map((check) => runChannelCheck(check, scene, channel)),
      ),
    ]);
    return results.flat().filter(({ severity }) => severity === 'problem');
  } finally {
    scene.close();
  }
}
