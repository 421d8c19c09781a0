import { join } from 'node:path';
import type { Config } from '@dsyncd/config';
import { systemClock } from '@dsyncd/core';
import {
  type FifoListener,
  fifoName,
  listenFifo,
  listenNotifySocket,
  listenReplicatorSocket,
  type NotifyListener,
  type NotifySink,
  notifySocketName,
  replicatorSocketName,
  watchSpool,
} from '@dsyncd/notify';
import { isOpenAt } from '@dsyncd/program';
import type { ProgramLogger } from '@dsyncd/telemetry';

/** Where mail processes tell of changes. */
export interface Listeners {
  readonly byName: Readonly<Record<string, NotifyListener>>;
  /** False: what was written to the FIFO before we came is lost, and who tried it may be mute from now on. */
  readonly fifoWasHeld: boolean;
}

/** @param inherited - what systemd opened for us, by name; it waits there while we are not there */
export async function startListeners(
  { listeners: { notify }, notifySpoolDir }: Config,
  inherited: ReadonlyMap<string, number>,
  sink: NotifySink,
  logger: ProgramLogger,
): Promise<Listeners> {
  const options = { sink, clock: systemClock, logger, access: notify };
  const placeOf = (name: string): readonly [string, { readonly descriptor?: number }] => {
    const path = join(notify.dir, name);
    const descriptor = inherited.get(name);
    if (descriptor === undefined) return [path, {}];
    if (isOpenAt(descriptor, path)) return [path, { descriptor }];
    logger.warn(
      { path, name },
      'what systemd opened is not where the configuration has it, and is not used: adapt dsyncd.socket and dsyncd-notify.socket',
    );
    return [path, {}];
  };
  const listen = async <Listener>(
    name: string,
    start: (path: string, all: typeof options & { readonly descriptor?: number }) => Promise<Listener>,
  ): Promise<Listener> => {
    const [path, place] = placeOf(name);
    return start(path, { ...options, ...place });
  };
  const fifo: FifoListener = await listen(fifoName, listenFifo);
  return {
    byName: {
      fifo,
      socket: await listen(notifySocketName, listenNotifySocket),
      replicator: await listen(replicatorSocketName, listenReplicatorSocket),
      spool: await watchSpool(notifySpoolDir, options),
    },
    fifoWasHeld: fifo.wasHeld,
  };
}
