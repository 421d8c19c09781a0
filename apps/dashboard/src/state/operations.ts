import { signal } from '@preact/signals';
import { ApiError, call } from '../api/client.ts';
import { counted } from '../model/ages.ts';
import type { User } from '../model/answers.ts';
import { refresh } from './live.ts';

type UserOfChannel = Pick<User, 'user' | 'channel'>;

/** Why a token is asked for, and what is done once there is one. */
export interface TokenRequest {
  readonly reason: string;
  readonly retry: () => void;
}

/** The dialog for the token is open while this is set. */
export const tokenRequest = signal<TokenRequest | undefined>(undefined);

/** Does something that changes dsyncd, and says what became of it. Asks for a token when one is missing. */
async function operate(task: () => Promise<unknown>, done: string): Promise<void> {
  try {
    await task();
    notify('good', done);
    refresh();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (!error.needsToken) {
      notify('bad', error.message, error.hint);
      return;
    }
    tokenRequest.value = {
      reason: reasonOf(error),
      retry: () => void operate(task, done),
    };
  }
}

/** The dialog fixes a missing token itself; for anything else the hint says what to do. */
const reasonOf = ({ status, message, hint }: ApiError): string =>
  [message, ...(status === 401 || hint === undefined ? [] : [hint])]
    .map((text) => `${capitalized(text)}.`)
    .join(' ');

const capitalized = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const post = (path: string, body?: unknown): Promise<unknown> => call(path, { method: 'POST', body });

const channelOf = (user: UserOfChannel): string => `channel=${encodeURIComponent(user.channel)}`;

/** Ends quarantine and waiting. */
export const retry = (user: UserOfChannel): Promise<void> =>
  operate(
    () => post(`/v1/users/${encodeURIComponent(user.user)}/retry?${channelOf(user)}`),
    `${user.user} is tried again now.`,
  );

export const retryAll = (users: readonly UserOfChannel[]): Promise<void> =>
  operate(
    async () => {
      for (const user of users)
        await post(`/v1/users/${encodeURIComponent(user.user)}/retry?${channelOf(user)}`);
    },
    `${counted(users.length, 'user is', 'users are')} tried again now.`,
  );

export const replicate = (user: string, full: boolean): Promise<void> =>
  operate(
    () => post('/v1/replicate', { user, priority: 'high', full }),
    `A ${full ? 'full sync' : 'sync'} of ${user} is requested.`,
  );

export const pause = (channel: string): Promise<void> =>
  operate(
    () => post(`/v1/channels/${encodeURIComponent(channel)}/pause`),
    `Channel ${channel} is paused: no more syncs are started.`,
  );

export const resume = (channel: string): Promise<void> =>
  operate(() => post(`/v1/channels/${encodeURIComponent(channel)}/resume`), `Channel ${channel} goes on.`);

export const pauseUser = ({ user, channel }: UserOfChannel): Promise<void> =>
  operate(() => post('/v1/pause', { user, channel }), `${user} is paused: no more syncs are started.`);

export const resumeUser = ({ user, channel }: UserOfChannel): Promise<void> =>
  operate(() => post('/v1/resume', { user, channel }), `${user} goes on.`);

export interface Notice {
  readonly id: number;
  readonly kind: 'good' | 'bad';
  readonly text: string;
  readonly hint?: string;
}

const noticesMax = 4;
const goodNoticeMs = 8_000;
let lastId = 0;

/** What became of the last things that a person did here. */
export const notices = signal<readonly Notice[]>([]);

/** Good news goes by itself; bad news stays until it is dismissed. */
export function notify(kind: Notice['kind'], text: string, hint?: string): void {
  lastId++;
  const id = lastId;
  const notice: Notice = { id, kind, text, hint };
  notices.value = [...notices.value, notice].slice(-noticesMax);
  if (kind === 'good') setTimeout(() => dismiss(id), goodNoticeMs);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
