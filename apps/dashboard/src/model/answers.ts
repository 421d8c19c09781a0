// What the HTTP API answers: types of its schemas only, no code.
import type { ChannelView, FleetAnswer, StatusView } from '@dsyncd/http-api/answers';

export type {
  BackendView as Backend,
  ChannelView as Channel,
  ConsumerView as Consumer,
  EndedSyncView as EndedSync,
  FleetAnswer as Fleet,
  FleetChannelView as FleetChannel,
  HistoryView as History,
  ProblemBody as Problem,
  ReplicatorView as Replicator,
  StatusView as Status,
  TimelineView as HostTimeline,
  UserDetailView as UserDetail,
  UserListView as UserList,
  UserView as User,
  WorkersView as Workers,
  WorkerView as RunningSync,
} from '@dsyncd/http-api/answers';

/** Is there more to show than the host of this page? */
export const isFleet = (fleet: FleetAnswer | undefined): boolean => {
  const [first, ...others] = fleet?.backends ?? [];
  return others.length > 0 || (first?.replicators.length ?? 0) > 1;
};

/** The status with one channel as it is now; a channel that it does not know is added. */
export function withChannel(status: StatusView, channel: ChannelView): StatusView {
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
