import { spawn } from 'node:child_process';
import { DsyncdError, type UserName } from '@dsyncd/core';

/** How the users who changed are given to a program. */
export type ConsumerPlan = CommandPlan | UrlPlan;

interface Plan {
  readonly name: string;
  /** Users given at once, at most. */
  readonly usersMax: number;
  /** A run that takes longer is ended, and has failed. */
  readonly timeoutMs: number;
  /** So long to gather changes before a run. */
  readonly delayMs: number;
  /** `lines`: one user each. `json`: `{"users": [...]}`. */
  readonly format: 'lines' | 'json';
}

export interface CommandPlan extends Plan {
  /** Program and arguments; no shell is started. */
  readonly command: readonly string[];
}

export interface UrlPlan extends Plan {
  readonly url: string;
  readonly tokenFile: string | undefined;
  /** Read for each request: what the file says now counts. */
  readonly token: (() => Promise<string>) | undefined;
}

/** After the polite signal, a program that is to end has so long. */
const killAfterMs = 3_000;
const errorCharsMax = 500;

/**
 * Gives the users to the program and waits until it has taken them.
 * @throws {DsyncdError} `DSYNCD_CONSUMER_COMMAND` or `DSYNCD_CONSUMER_URL` when it has not, in time.
 */
export function deliver(plan: ConsumerPlan, users: readonly UserName[], signal: AbortSignal): Promise<void> {
  const text = plan.format === 'json' ? `${JSON.stringify({ users })}\n` : `${users.join('\n')}\n`;
  return 'command' in plan ? runCommand(plan, text, signal) : callUrl(plan, text, signal);
}

async function runCommand(
  { name, command: [program = '', ...args], timeoutMs }: CommandPlan,
  text: string,
  signal: AbortSignal,
): Promise<void> {
  // A group of its own: what it has started ends with it.
  const child = spawn(program, args, {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
    env: { ...process.env, DSYNCD_CONSUMER: name },
  });
  let errorText = '';
  child.stderr.setEncoding('utf8').on('data', (part: string) => {
    errorText = (errorText + part).slice(-errorCharsMax);
  });
  // It may exit without having read all; its exit status counts.
  child.stdin.on('error', () => undefined);
  child.stdin.end(text);
  let endedBy: string | undefined;
  let kill: NodeJS.Timeout | undefined;
  const end = (why: string): void => {
    endedBy ??= why;
    endGroup(child.pid, 'SIGTERM');
    kill ??= setTimeout(() => endGroup(child.pid, 'SIGKILL'), killAfterMs);
  };
  const timer = setTimeout(() => end(`took longer than ${timeoutMs / 1000} s`), timeoutMs);
  const stop = (): void => end('was ended, as dsyncd stops');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const problem = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(`cannot be started: ${error.message}`));
    // Not "close": a process that it left behind may hold its standard error open for ever.
    child.once('exit', (code, bySignal) =>
      resolve(code === 0 ? undefined : (endedBy ?? `exited with ${code ?? bySignal}`)),
    );
  });
  clearTimeout(timer);
  clearTimeout(kill);
  signal.removeEventListener('abort', stop);
  if (problem === undefined) return;
  const said = errorText.trim() === '' ? '' : `: ${errorText.trim()}`;
  throw new DsyncdError('DSYNCD_CONSUMER_COMMAND', `${program} ${problem}${said}`, {
    outcome: 'transient',
    hint: `check command in [consumers.${name}]; the same users are given to it again`,
  });
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}

async function callUrl(plan: UrlPlan, text: string, signal: AbortSignal): Promise<void> {
  const { name, url, token, timeoutMs, format } = plan;
  const failed = (what: string): DsyncdError =>
    new DsyncdError('DSYNCD_CONSUMER_URL', `${url} ${what}`, {
      outcome: 'transient',
      hint: `check url and token_file in [consumers.${name}]; the same users are sent again`,
    });
  const secret = await token?.();
  let status: number;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        'content-type': format === 'json' ? 'application/json' : 'text/plain; charset=utf-8',
        ...(secret === undefined ? {} : { authorization: `Bearer ${secret}` }),
      },
      body: text,
      // The token must not reach another host.
      redirect: 'manual',
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    status = response.status;
    await response.body?.cancel();
  } catch (error) {
    throw failed(`gave no answer within ${timeoutMs / 1000} s (${reasonOf(error)})`);
  }
  if (status < 200 || status > 299) throw failed(`answered with status ${status}`);
}

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error instanceof Error ? error.name : 'unknown';
};
