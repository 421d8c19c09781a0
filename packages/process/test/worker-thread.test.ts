import { DsyncdError } from '@dsyncd/core';
import { WorkerThread } from '@dsyncd/process';
import { afterEach, describe, expect, it } from 'vitest';

interface EchoCalls {
  echo(value: number): number;
  later(value: number): Promise<number>;
  never(): Promise<void>;
  end(): void;
  unknown(): void;
}

const error = (code: DsyncdError['code']): DsyncdError =>
  new DsyncdError(code, 'gone', { outcome: 'transient' });
const ended: number[] = [];
const newThread = (): WorkerThread<EchoCalls> =>
  new WorkerThread<EchoCalls>({
    file: new URL('echo.worker.mjs', import.meta.url),
    closedError: () => error('DSYNCD_STORE_CLOSED'),
    endedError: () => error('DSYNCD_STORE_WORKER_DIED'),
    onEnd: (_, failedCalls) => ended.push(failedCalls),
  });

let thread: WorkerThread<EchoCalls>;
afterEach(async () => {
  await thread.close();
  ended.length = 0;
});

describe('a worker thread', () => {
  it('answers calls, those that take time too, and says why one failed', async () => {
    thread = newThread();
    expect(await Promise.all([thread.call('later', 1), thread.call('echo', 2)])).toEqual([1, 2]);
    await expect(thread.call('unknown')).rejects.toThrow('unknown call unknown');
  });

  it('fails the calls under way when it ends, and the next call starts it anew', async () => {
    thread = newThread();
    const underWay = [thread.call('never'), thread.call('end')];
    for (const result of await Promise.allSettled(underWay))
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'DSYNCD_STORE_WORKER_DIED' } });
    expect(ended).toEqual([2]);
    expect(thread.ends).toBe(1);
    expect(await thread.call('echo', 5)).toBe(5);
  });

  it('does what was asked for before it closes, and nothing afterwards', async () => {
    thread = newThread();
    const asked = thread.call('later', 7);
    await thread.close();
    expect(await asked).toBe(7);
    await expect(thread.call('echo', 8)).rejects.toMatchObject({ code: 'DSYNCD_STORE_CLOSED' });
    expect(ended).toEqual([]);
  });
});
