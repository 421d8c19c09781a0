import { DsyncdError } from '@dsyncd/core';
import type { AlertMessage } from './alert-model.ts';
import type { AlertText } from './alert-text.ts';

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
      // A secret is not carried on to whoever is named there.
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

/** Messages of fetch may hold the URL. */
const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error instanceof Error ? error.name : 'unknown';
};

const failed = (what: string): DsyncdError =>
  new DsyncdError('DSYNCD_ALERT_WEBHOOK', `the webhook for alerts: ${what}`, {
    outcome: 'transient',
    hint: 'look at the URL in webhook_url_file; the alert is tried again',
  });
