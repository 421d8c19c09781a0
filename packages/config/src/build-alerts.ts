import type { KeyProblem } from './check.ts';
import type { AlertsConfig } from './config.ts';
import { given } from './given.ts';
import type { Settings } from './settings.ts';

export function buildAlerts(alerts: NonNullable<Settings['alerts']>, problems: KeyProblem[]): AlertsConfig {
  if (alerts.webhook_url_file === undefined && alerts.mail_to === undefined)
    problems.push({ path: ['alerts'], message: 'needs webhook_url_file or mail_to: where alerts go' });
  if (alerts.mail_to !== undefined && !alerts.sendmail_path.startsWith('/'))
    problems.push({ path: ['alerts', 'sendmail_path'], message: 'must be an absolute path' });
  return {
    ...given('webhookUrlFile', alerts.webhook_url_file),
    ...given('mailTo', alerts.mail_to),
    sendmailPath: alerts.sendmail_path,
    graceMs: alerts.grace,
    repeatMs: alerts.repeat,
  };
}
