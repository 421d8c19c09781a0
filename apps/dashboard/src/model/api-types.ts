// What the HTTP API answers: types of its own schemas, none of its code.
export type {
  ChannelView as Channel,
  EndedSyncView as EndedSync,
  ProblemBody as Problem,
  StatusView as Status,
  UserDetailView as UserDetail,
  UserListView as UserList,
  UserView as User,
  WorkersView as Workers,
  WorkerView as RunningSync,
} from '@dsyncd/http-api/answers';
