// What the HTTP API answers: types of its own schemas, none of its code.
export type {
  BackendView as Backend,
  ChannelView as Channel,
  EndedSyncView as EndedSync,
  FleetAnswer as Fleet,
  FleetChannelView as FleetChannel,
  ProblemBody as Problem,
  ReplicatorView as Replicator,
  StatusView as Status,
  UserDetailView as UserDetail,
  UserListView as UserList,
  UserView as User,
  WorkersView as Workers,
  WorkerView as RunningSync,
} from '@dsyncd/http-api/answers';
