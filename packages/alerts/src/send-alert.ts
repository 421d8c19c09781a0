import { spawn } from 'node:child_process';
import { DsyncdError } from '@dsyncd/core';
import type { AlertMessage, OngoingProblem } from './decide-alerts.ts';

export interface AlertText {
  /** One line of ASCII. */
  readonly subject: string;
  readonly body: string;
}

/** A message for people. @param hostname - of this host, without spaces */
export function alertText({ firing, recovered }: AlertMessage, hostname: string, now: number): AlertText {
  const count = firing.length;
  const what = count === 0 ? 'recovered' : `${count} ${count === 1 ? 'problem' : 'problems'}`;
  const lines = [
    ...firing.flatMap((problem) => [lineOf(problem, 'PROBLEM', now), `  what to do: ${problem.hint}`]),
    ...recovered.map((problem) => lineOf(problem, 'recovered', now)),
  ];
  return {
    subject: `dsyncd on ${hostname.replace(/[^\x21-\x7e]/g, '?')}: ${what}`,
    body: `${lines.join('\n')}\n`,
  };
}

const lineOf = ({ channel, text, since }: OngoingProblem, mark: string, now: number): string =>
  `${mark} ${channel === undefined ? 'this host' : `channel ${channel}`}: ${text} (since ${new Date(Math.min(since, now)).toISOString()})`;

export interface MailPlace {
  readonly sendmailPath: string;
  readonly to: string;
}

const sendmailTimeoutMs = 30_000;
const errorCharsMax = 500;

/**
 * Hands the message to sendmail.
 * @throws {DsyncdError} `DSYNCD_ALERT_MAIL` when it cannot be started, takes more than 30 s or fails.
 */
export async function sendMail(
  { sendmailPath, to }: MailPlace,
  { subject, body }: AlertText,
  from: string,
): Promise<void> {
  const headers = [
    `From: dsyncd <${from}>`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString().replace('GMT', '+0000')}`,
    // No answers from holiday programs.
    'Auto-Submitted: auto-generated',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
  ];
  const child = spawn(sendmailPath, ['-i', '--', to], {
    stdio: ['pipe', 'ignore', 'pipe'],
    timeout: sendmailTimeoutMs,
    killSignal: 'SIGKILL',
  });
  let errorText = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errorText = (errorText + text).slice(0, errorCharsMax);
  });
  // It may exit without having read all; its exit status counts.
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${headers.join('\n')}\n\n${body}`);
  const problem = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `exited with ${code ?? signal}: ${errorText.trim()}`),
    );
  });
  if (problem === undefined) return;
  throw new DsyncdError('DSYNCD_ALERT_MAIL', `alert by mail, sent with ${sendmailPath}: ${problem}`, {
    outcome: 'transient',
    hint: 'check sendmail_path and mail_to in [alerts]; the alert is sent again later',
  });
}

const answerTimeoutMs = 10_000;

/**
 * Posts the message as JSON: `{"text", "hostname", "firing": [...], "recovered": [...]}`. Chat systems show `text`.
 * @param url - holds a secret: never in an error
 * @throws {DsyncdError} `DSYNCD_ALERT_WEBHOOK` unless it is answered with a status of 200 to 299.
 */
export async function sendWebhook(
  url: string,
  message: AlertMessage,
  text: AlertText,
  hostname: string,
): Promise<void> {
  const body = JSON.stringify({
    text: `${text.subject}\n${text.body}`,
    hostname,
    firing: message.firing,
    recovered: message.recovered,
  });
  let status: number;
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      // The secret in the URL must not reach another host.
      redirect: 'manual',
      signal: AbortSignal.timeout(answerTimeoutMs),
    });
    status = response.status;
    await response.body?.cancel();
  } catch (error) {
    throw failed(`no answer within ${answerTimeoutMs / 1000} s (${reasonOf(error)})`);
  }
  if (status < 200 || status > 299) throw failed(`answered with status ${status}`);
}

/** Messages of fetch may contain the URL. */
const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error instanceof Error ? error.name : 'unknown';
};

const failed = (what: string): DsyncdError =>
  new DsyncdError('DSYNCD_ALERT_WEBHOOK', `the webhook for alerts: ${what}`, {
    outcome: 'transient',
    hint: 'check the URL in webhook_url_file; the alert is sent again later',
  });
