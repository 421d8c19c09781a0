import { DsyncdError, quote } from '@dsyncd/core';

/**
 * Of `request`, `add` and `doubt`, when all others of the call went through.
 * @throws {DsyncdError} `DSYNCD_QUEUE_USERS_MAX` when there are any
 */
export function complainOfLeftOut(usersMax: number, [first, ...others]: readonly string[]): void {
  if (first === undefined) return;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  throw new DsyncdError(
    'DSYNCD_QUEUE_USERS_MAX',
    `the queue knows ${usersMax} users and has no room for ${quote(first)}${more}`,
    {
      outcome: 'operator',
      hint: 'see which users were notified: a program that may write to the notification sockets invents names',
    },
  );
}

/** Of every call after `close`, and of whoever waits then. */
export const closedError = (): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_CLOSED', 'the queue is closed', { outcome: 'transient' });

export const noSuchChannel = (name: string): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_CHANNEL', `there is no channel ${quote(name.slice(0, 80))}`, {
    outcome: 'operator',
    hint: 'the channels are the [channels.NAME] sections of the configuration',
  });

export const noRoomForChannel = (
  name: string,
  {
    channelsMax,
    channelNameCharsMax,
  }: { readonly channelsMax: number; readonly channelNameCharsMax: number },
): DsyncdError =>
  new DsyncdError(
    'DSYNCD_QUEUE_CHANNELS_MAX',
    `channel ${quote(name.slice(0, 80))} is one too many or its name too long`,
    {
      outcome: 'operator',
      hint: `at most ${channelsMax} channels with names of ${channelNameCharsMax} characters`,
    },
  );
