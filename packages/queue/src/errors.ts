import { DsyncdError, quote } from '@dsyncd/core';
import type { LeftOut } from './port.ts';

/** Why users were left out. */
export const noRoomError = ([first = '', ...others]: readonly string[]): DsyncdError =>
  new DsyncdError(
    'DSYNCD_QUEUE_USERS_MAX',
    `the queue has no room for ${quote(first)}${others.length > 0 ? ` and ${others.length} more` : ''}`,
    {
      outcome: 'operator',
      hint: 'see which users were notified: a program that may write to the notification sockets invents names',
    },
  );

/**
 * For callers that act for a person: every user must have been taken.
 * @throws {DsyncdError} `DSYNCD_QUEUE_USERS_MAX` that names the others
 */
export function requireRoom(users: readonly string[], { leftOut }: LeftOut): void {
  if (leftOut.length > 0) throw noRoomError(leftOut.map((index) => users[index] ?? ''));
}

/** Of every call after `close`, and of callers that wait then. */
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
