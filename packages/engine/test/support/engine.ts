import { parseUserName, systemClock } from '@dsyncd/core';
import { onTestFinished } from 'vitest';
import {
  AuthClient,
  DovecotEngine,
  type DovecotEngineOptions,
  DovecotUsers,
  type SyncTask,
  type UserRules,
} from '../../src/index.ts';
import { type Script, ScriptedServer, userdb } from './scripted-doveadm.ts';

/** Undone after the test, last first. */
export const onCleanup = (cleanup: () => unknown): void =>
  onTestFinished(async () => {
    await cleanup();
  });

export async function serve(script: Script): Promise<ScriptedServer> {
  const server = await ScriptedServer.start(script);
  onCleanup(() => server.close());
  return server;
}

export interface TestEngineOptions extends Partial<Omit<DovecotEngineOptions, 'server' | 'users'>> {
  readonly secret?: string;
  readonly auth?: Script;
  readonly rules?: Partial<UserRules>;
}

/** An engine whose Dovecot is at `path`, with the user `ann`. */
export async function createEngine(path: string, options: TestEngineOptions = {}): Promise<DovecotEngine> {
  const { secret, auth: authScript = userdb({ ann: ['uid=1000'] }), rules = {}, ...rest } = options;
  const authServer = await serve(authScript);
  const auth = new AuthClient({
    socketPath: () => authServer.path,
    clock: systemClock,
    answerTimeoutMs: 1_000,
  });
  onCleanup(() => auth.close());
  const all = { include: ['*'], exclude: [], uidMin: 0, ...rules };
  const engine = new DovecotEngine({
    server: () => ({
      destination: { kind: 'unix', path, name: `unix:${path}` },
      secret,
    }),
    users: new DovecotUsers({ auth, rules: () => all, clock: systemClock }),
    channel: (name) => (name === 'default' ? { replica: 'tcp:127.0.0.1:1', doveadmPort: 12_345 } : undefined),
    commandsMax: () => 10,
    lockTimeoutMs: () => 30_000,
    ioTimeoutMs: () => 600_000,
    clock: systemClock,
    ...rest,
  });
  return engine;
}

export const taskOf = (given: Partial<SyncTask> = {}): SyncTask => ({
  user: parseUserName('ann'),
  channel: 'default',
  type: 'normal',
  state: undefined,
  signal: AbortSignal.timeout(20_000),
  ...given,
});
