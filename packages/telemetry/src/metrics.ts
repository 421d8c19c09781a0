import { standings } from '@dsyncd/core';
import { type Counter, collectDefaultMetrics, Registry } from 'prom-client';
import {
  type ChannelReading,
  type ConsumerReading,
  lagLimitsMs,
  type MetricReadings,
  type SyncSample,
  verificationLimitsMs,
} from './metric-readings.ts';
import { type MetricsCatalogue, metricsCatalogue } from './metrics-catalogue.ts';

export interface MetricsOptions {
  readonly version: string;
  /** Asked once a scrape. */
  readonly read: () => Promise<MetricReadings>;
}

/** Distinct failure codes that become labels; further ones are counted as `other`. */
export const reasonsMax = 100;

const breakerStates = ['closed', 'open', 'half-open'] as const;

/** The metrics of dsyncd: counters that syncs add to, and gauges that are read when the page is. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #metrics: MetricsCatalogue;
  readonly #read: () => Promise<MetricReadings>;
  readonly #reasons = new Set<string>();
  #scrape: Promise<string> | undefined;

  constructor({ version, read }: MetricsOptions) {
    this.#metrics = metricsCatalogue(this.#registry);
    this.#read = read;
    collectDefaultMetrics({ register: this.#registry });
    this.#metrics.build.set({ version }, 1);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The page in the text format of Prometheus. Readers at the same time share one reading. */
  text(): Promise<string> {
    this.#scrape ??= this.#page().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  syncEnded(sample: SyncSample): void {
    const metrics = this.#metrics;
    const { channel, type, outcome, counts } = sample;
    metrics.syncs.inc({ channel, type, outcome });
    metrics.duration.observe({ channel, type }, sample.durationMs / 1000);
    if (outcome === 'ok' && sample.lagMs !== undefined)
      metrics.lag.observe({ channel, priority: sample.priority }, sample.lagMs / 1000);
    if (sample.isRetried) metrics.retries.inc({ channel, reason: this.#reason(sample) });
    metrics.mails.inc({ channel, direction: 'received' }, counts.mailsReceived);
    metrics.mails.inc({ channel, direction: 'sent' }, counts.mailsSent);
    metrics.bytes.inc({ channel, direction: 'received' }, counts.bytesReceived);
    metrics.bytes.inc({ channel, direction: 'sent' }, counts.bytesSent);
    metrics.bodiesSpared.inc({ channel }, counts.bodiesSpared);
    metrics.changes.inc({ channel, kind: 'flags' }, counts.flagsChanged);
    metrics.changes.inc({ channel, kind: 'expunge' }, counts.expunged);
    metrics.changes.inc({ channel, kind: 'mailbox' }, counts.mailboxesChanged);
    metrics.conflicts.inc({ channel }, sample.conflicts);
    this.#verified(sample);
  }

  #verified({ channel, verification }: SyncSample): void {
    if (verification === undefined) return;
    const { result, sinceLastMs } = verification;
    this.#metrics.verifications.inc({ channel, result });
    if (result !== 'failed' && sinceLastMs !== undefined)
      this.#metrics.verificationInterval.observe({ channel }, sinceLastMs / 1000);
  }

  /** Codes come from engines, some from a peer's answer: not more of them than a graph can show. */
  #reason({ failureCode, outcome }: SyncSample): string {
    const reason = failureCode ?? outcome;
    if (this.#reasons.has(reason)) return reason;
    if (this.#reasons.size >= reasonsMax) return 'other';
    this.#reasons.add(reason);
    return reason;
  }

  async #page(): Promise<string> {
    this.#fill(await this.#read());
    return this.#registry.metrics();
  }

  #fill({ channels, connsMax, sources, http, consumers, deliveries }: MetricReadings): void {
    const metrics = this.#metrics;
    // Channels that are no longer configured are not to stay on the page.
    for (const metric of Object.values(metrics))
      if (metric !== metrics.build && 'set' in metric) metric.reset();
    for (const channel of channels) this.#fillChannel(channel);
    metrics.connectionsMax.set(connsMax);
    for (const { source, taken, refused } of sources) {
      setCounter(metrics.notifications, { source }, taken);
      setCounter(metrics.refused, { source }, refused);
    }
    metrics.consumerRuns.reset();
    for (const consumer of consumers) this.#fillConsumer(consumer);
    metrics.httpConnections.set(http.connections);
    metrics.eventClients.set(http.eventClients);
    setCounter(metrics.eventsDropped, {}, http.eventsDropped);
    if (deliveries === undefined) return;
    setCounter(metrics.deliveriesRefused, {}, deliveries.total);
    metrics.deliveriesRefusing.set(deliveries.since === undefined ? 0 : 1);
  }

  #fillChannel(reading: ChannelReading): void {
    const metrics = this.#metrics;
    const { channel, breaker } = reading;
    for (const [state, count] of [
      ['sync', reading.queuedSync],
      ['high', reading.queuedHigh],
      ['low', reading.queuedLow],
      ['failed', reading.queuedFailed],
      ['full_resync', reading.queuedFullResync],
      ['quarantined', reading.quarantined],
      ['paused', reading.pausedUsers],
      ['running', reading.running],
    ] as const)
      metrics.queued.set({ channel, state }, count);
    metrics.users.set({ channel }, reading.users);
    for (const standing of standings)
      metrics.standing.set({ channel, standing: standing.replaceAll(' ', '_') }, reading.standings[standing]);
    metrics.oldestLag.set({ channel }, reading.oldestLagMs / 1000);
    for (const [index, limitMs] of lagLimitsMs.entries())
      metrics.behind.set({ channel, longer_than: String(limitMs / 1000) }, reading.lagCounts[index] ?? 0);
    metrics.paused.set({ channel }, reading.paused ? 1 : 0);
    for (const state of breakerStates)
      metrics.breaker.set({ channel, state }, breaker.state === state ? 1 : 0);
    metrics.breakerFailures.set({ channel }, breaker.consecutiveFailures);
    metrics.connections.set({ channel }, reading.running);
    this.#fillVerification(reading);
  }

  #fillConsumer(reading: ConsumerReading): void {
    const { consumerBehind, consumerLag, consumerFailures, consumerRuns } = this.#metrics;
    const { name: consumer, usersBehind, lagMs, runs, failures, failuresInRow } = reading;
    if (usersBehind !== undefined) consumerBehind.set({ consumer }, usersBehind);
    consumerLag.set({ consumer }, lagMs / 1000);
    consumerFailures.set({ consumer }, failuresInRow);
    setCounter(consumerRuns, { consumer, outcome: 'ok' }, runs);
    setCounter(consumerRuns, { consumer, outcome: 'failed' }, failures);
  }

  #fillVerification({ channel, verification }: ChannelReading): void {
    if (verification === undefined) return;
    const { unverified, oldestVerification } = this.#metrics;
    oldestVerification.set({ channel }, verification.oldestAgeMs / 1000);
    for (const [index, limitMs] of verificationLimitsMs.entries())
      unverified.set({ channel, longer_than: String(limitMs / 1000) }, verification.ageCounts[index] ?? 0);
  }
}

/** For what somebody else counts since the start. */
function setCounter<Label extends string>(
  counter: Counter<Label>,
  labels: Partial<Record<Label, string>>,
  value: number,
): void {
  counter.remove(labels);
  counter.inc(labels, value);
}
