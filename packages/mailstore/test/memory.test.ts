import { openMemoryStore } from '@dsyncd/mailstore';
import { mailStoreContract } from '@dsyncd/mailstore/contract';

mailStoreContract('the memory store', async (options) => {
  const store = openMemoryStore(options);
  return {
    store,
    async loseBody(mail, mailbox, uid) {
      (await store.open(mail.user)).loseBody(mailbox, uid, { noticed: false });
    },
    dispose: () => store.close(),
  };
});
