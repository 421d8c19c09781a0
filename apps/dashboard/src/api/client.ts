import { clockSkew } from '../model/ages.ts';
import type { Problem } from '../model/answers.ts';
import { token } from '../state/address.ts';
import { serverSkewMs } from '../state/clock.ts';

const timeoutMs = 20_000;

/** A failed request: a problem that dsyncd reports, or no answer at all (status 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;

  constructor({ status, code, detail, hint }: Pick<Problem, 'status' | 'code' | 'detail' | 'hint'>) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.hint = hint;
  }

  /** Another token would help. */
  get needsToken(): boolean {
    return this.status === 401 || (this.status === 403 && this.code === 'DSYNCD_HTTP_ROLE');
  }
}

export interface CallOptions {
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** @throws {ApiError} for everything but success. */
export async function call<Answer>(path: string, options: CallOptions = {}): Promise<Answer> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const signal = options.signal === undefined ? timeout : AbortSignal.any([options.signal, timeout]);
  const response = await send(path, { ...options, signal });
  try {
    // The schemas of the API say what it answers; its own tests hold it to them.
    return (response.status === 204 ? undefined : await response.json()) as Answer;
  } catch (error) {
    throw unreachable(error);
  }
}

/** @throws {ApiError} for everything but success. */
export async function send(path: string, { method = 'GET', body, signal }: CallOptions): Promise<Response> {
  const headers = new Headers();
  if (token.value !== undefined) headers.set('authorization', `Bearer ${token.value}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      cache: 'no-store',
      credentials: 'omit',
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
    });
  } catch (error) {
    throw unreachable(error);
  }
  serverSkewMs.value = clockSkew(response.headers.get('date'), Date.now());
  if (response.ok) return response;
  throw await problemOf(response);
}

const unreachable = (error: unknown): ApiError =>
  new ApiError({
    status: 0,
    code: 'DASHBOARD_UNREACHABLE',
    detail: `dsyncd does not answer (${error instanceof Error ? error.message : String(error)})`,
    hint: 'Is it running on that host? This page tries again by itself.',
  });

async function problemOf(response: Response): Promise<ApiError> {
  const fallback = { status: response.status, code: `HTTP_${response.status}`, detail: response.statusText };
  try {
    return new ApiError({ ...fallback, ...((await response.json()) as Partial<Problem>) });
  } catch {
    // Something between here and dsyncd answered.
    return new ApiError(fallback);
  }
}
