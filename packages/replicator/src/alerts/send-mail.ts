import { spawn } from 'node:child_process';
import { DsyncdError } from '@dsyncd/core';
import type { AlertText } from './alert-text.ts';

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
  let complaint = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, errorCharsMax);
  });
  // It may end without having read all; its exit status counts.
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${headers.join('\n')}\n\n${body}`);
  const ended = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? undefined : `ended with ${code ?? signal}: ${complaint.trim()}`),
    );
  });
  if (ended === undefined) return;
  throw new DsyncdError('DSYNCD_ALERT_MAIL', `mail of an alert by ${sendmailPath}: ${ended}`, {
    outcome: 'transient',
    hint: 'look at sendmail_path and mail_to in [alerts]; the alert is tried again',
  });
}
