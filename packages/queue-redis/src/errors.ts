import { DsyncdError } from '@dsyncd/core';

export const noSuchChannel = (channel: string): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_CHANNEL', `there is no channel ${JSON.stringify(channel.slice(0, 80))}`, {
    outcome: 'operator',
    hint: 'the channels are the [channels.NAME] sections of the configuration',
  });
