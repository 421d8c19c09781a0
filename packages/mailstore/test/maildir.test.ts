import { rmSync } from 'node:fs';
import { durableMailStoreContract } from '@dsyncd/mailstore/contract';
import { bodyFile, homeOf, makeFolder, openStore, removeFolder } from './maildir-setup.ts';

durableMailStoreContract('the Maildir store', async (options) => {
  const folder = makeFolder();
  let store = openStore(folder, options);
  return {
    store,
    async reopen() {
      await store.close();
      store = openStore(folder, options);
      return store;
    },
    async loseBody(mail, mailbox, uid) {
      rmSync(bodyFile(homeOf(folder, mail.user), mailbox, uid));
    },
    async dispose() {
      await store.close();
      removeFolder(folder);
    },
  };
});
