import { silentLogger } from '@dsyncd/core';
import { DsyncStream } from '@dsyncd/protocol';
import { type SyncAnswerer, startDoveadmServer } from '@dsyncd/transport';

/** What a scripted peer does once a sync has been asked of it. */
export type SyncScript = (
  user: string,
  stream: DsyncStream,
  link: Parameters<SyncAnswerer['answer']>[1],
) => Promise<void>;

export interface ScriptedPeer {
  readonly port: number;
  /** Users whose sync was asked for, in order. */
  readonly asked: readonly string[];
  stop(): Promise<void>;
}

/** A peer behind a real doveadm server (plain TCP) that answers each sync by a script, be it nonsense. */
export async function startScriptedPeer(secret: string, script: SyncScript): Promise<ScriptedPeer> {
  const asked: string[] = [];
  const server = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    logger: silentLogger,
    answerer: {
      async prepare(user) {
        asked.push(user);
      },
      async answer(user, link) {
        await script(user, new DsyncStream(link), link);
        return { reusable: false };
      },
    },
  });
  return { port: server.port, asked, stop: () => server.stop(0) };
}
