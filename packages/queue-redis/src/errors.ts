import { DsyncdError } from '@dsyncd/core';

export const noSuchChannel = (channel: string): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_CHANNEL', `there is no channel ${JSON.stringify(channel.slice(0, 80))}`, {
    outcome: 'operator',
    hint: 'the channels are the [channels.NAME] sections of the configuration',
  });

export const tooManyUsers = (usersMax: number): DsyncdError =>
  new DsyncdError(
    'DSYNCD_QUEUE_USERS_MAX',
    `a channel of the queue knows ${usersMax} users and takes no more`,
    {
      outcome: 'operator',
      hint: 'see which users were notified: a program that may write to the notification sockets invents names',
    },
  );
