import type { Config } from '@dsyncd/config';
import type { MailStore } from '@dsyncd/mailstore';
import { programVersion } from '@dsyncd/process';
import type { PeerAbout } from '@dsyncd/protocol';
import type { SyncAnswerer } from '@dsyncd/transport';

/** Also tells a peer who knows the secret who we are and whom we have: `dsyncadm doctor` compares both ends. */
export const tellingAnswerer = (
  answerer: SyncAnswerer,
  config: () => Config,
  store: MailStore,
): SyncAnswerer => ({
  prepare: (user) => answerer.prepare(user),
  answer: (user, link, signal) => answerer.answer(user, link, signal),
  async tell(question) {
    if (question === 'about') return aboutOf(config());
    const userList: string[] = [];
    for await (const user of store.users()) userList.push(user);
    return { userList };
  },
});

const aboutOf = ({ hostname, channels }: Config): PeerAbout => ({
  hostname,
  version: programVersion(),
  now: Date.now(),
  channels: channels.map(({ name, mailReplica }) => ({ name, replica: mailReplica })),
});
