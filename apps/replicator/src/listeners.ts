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
  writeFifoNote,
} from '@dsyncd/notify';
import { isOpenAt } from '@dsyncd/process';
import type { ProgramLogger } from '@dsyncd/telemetry';

/**
 * Opens the places where mail processes notify of changes; by name.
 * @param inherited - what systemd opened for us, by name; what comes waits in it while we are not there
 */
export async function startListeners(
  { listeners: { notify }, notifySpoolDir, stateDir }: Config,
  inherited: ReadonlyMap<string, number>,
  sink: NotifySink,
  logger: ProgramLogger,
): Promise<Readonly<Record<string, NotifyListener>>> {
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
  await writeFifoNote(stateDir, { startedAt: systemClock.now(), wasHeld: fifo.wasHeld }).catch(
    (error: unknown) => logger.warn({ error }, 'cannot note how the FIFO was found'),
  );
  return {
    fifo,
    socket: await listen(notifySocketName, listenNotifySocket),
    replicator: await listen(replicatorSocketName, listenReplicatorSocket),
    spool: await watchSpool(notifySpoolDir, options),
  };
}
