import { readFile } from 'node:fs/promises';
import type { Clock, Logger } from '@dsyncd/core';
import type { ConsumerReport, HostProblem } from '@dsyncd/protocol';
import type { ReplicationQueue } from '@dsyncd/queue';
import { type AlertMessage, type AlertState, type AlertTiming, decideAlerts } from './decide-alerts.ts';
import { type AlertChannel, findProblems } from './find-problems.ts';
import { type AlertText, alertText, type MailPlace, sendMail, sendWebhook } from './send-alert.ts';

/** Where alerts go, and when. */
export interface AlertPlan extends AlertTiming {
  /** Read anew for each message: a URL may be exchanged without a restart. */
  readonly webhookUrl?: () => Promise<string>;
  readonly mail?: MailPlace;
}

export interface AlertWatchOptions {
  readonly queue: Pick<ReplicationQueue, 'channelStatus' | 'lagCounts' | 'userPage'>;
  readonly channels: () => readonly AlertChannel[];
  /** What is wrong with this host itself. */
  readonly host: () => readonly HostProblem[];
  /** How the consumers of the change feed are doing. Missing: there are none. */
  readonly consumers?: () => Promise<readonly ConsumerReport[]>;
  /** Undefined: alerts are off. */
  readonly plan: () => AlertPlan | undefined;
  readonly hostname: () => string;
  /** Holds the instant until which nothing is reported; need not be there. */
  readonly silenceFile: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const checkEveryMsMax = 15_000;
const checkEveryMsMin = 100;
/** A silence that somebody forgot, or mistyped, ends. */
export const silenceMsMax = 7 * 86_400_000;

/** Checks the queue from time to time and reports what does not clear by itself. */
export class AlertWatch {
  readonly #options: AlertWatchOptions;
  #state: AlertState = new Map();
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(options: AlertWatchOptions) {
    this.#options = options;
  }

  start(): void {
    const graceMs = this.#options.plan()?.graceMs ?? checkEveryMsMax;
    const delayMs = Math.min(checkEveryMsMax, Math.max(checkEveryMsMin, graceMs / 4));
    this.#cancel = this.#options.clock.after(delayMs, () => {
      void this.check().finally(() => {
        if (!this.#isStopped) this.start();
      });
    });
  }

  /** An alert that is on its way does not hold up the end of the program. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  /** One check; never rejects. */
  async check(): Promise<void> {
    const { queue, channels, host, consumers, clock, logger, hostname } = this.#options;
    const plan = this.#options.plan();
    if (plan === undefined) {
      this.#state = new Map();
      return;
    }
    try {
      const subjects = { queue, channels: channels(), host: host(), consumers: (await consumers?.()) ?? [] };
      const problems = await findProblems(subjects, plan.graceMs);
      const now = clock.now();
      const input = { now, problems, isSilent: await this.#isSilent(now) };
      const { message, ifSent, ifUnsent } = decideAlerts(this.#state, input, plan);
      const isSent =
        message === undefined || (await this.#send(plan, message, alertText(message, hostname(), now)));
      this.#state = isSent ? ifSent : ifUnsent;
    } catch (error) {
      if (!this.#isStopped) logger.error({ error }, 'alerts not decided');
    }
  }

  /** True when at least one way worked. */
  async #send(plan: AlertPlan, message: AlertMessage, text: AlertText): Promise<boolean> {
    const { logger } = this.#options;
    const hostname = this.#options.hostname();
    const { webhookUrl, mail } = plan;
    const ways: Promise<void>[] = [];
    if (webhookUrl !== undefined)
      ways.push(webhookUrl().then((url) => sendWebhook(url, message, text, hostname)));
    if (mail !== undefined) ways.push(sendMail(mail, text, `dsyncd@${hostname}`));
    const results = await Promise.allSettled(ways);
    for (const result of results)
      if (result.status === 'rejected') logger.error({ error: result.reason }, 'alert not sent');
    return results.some(({ status }) => status === 'fulfilled');
  }

  async #isSilent(now: number): Promise<boolean> {
    const text = await readFile(this.#options.silenceFile, 'utf8').catch(() => '');
    const until = Date.parse(text.trim());
    return until > now && until - now <= silenceMsMax;
  }
}
