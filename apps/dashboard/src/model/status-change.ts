import type { Channel, Status } from './api-types.ts';

/** The status with one channel as it is now; a channel that it does not know is added. */
export function withChannel(status: Status, channel: Channel): Status {
  const isKnown = status.channels.some((each) => each.channel === channel.channel);
  const channels = isKnown
    ? status.channels.map((each) => (each.channel === channel.channel ? channel : each))
    : [...status.channels, channel];
  return {
    ...status,
    channels,
    usersBehind: channels.reduce((sum, { usersBehind }) => sum + usersBehind, 0),
    oldestLagSeconds: Math.max(0, ...channels.map(({ oldestLagSeconds }) => oldestLagSeconds)),
  };
}
