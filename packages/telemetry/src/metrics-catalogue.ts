import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Syncs take from milliseconds (nothing to do) to many minutes (a first one). */
const durationBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000];
/** Between two full syncs of a user: from an hour to a month. */
const verificationBuckets = [3600, 21_600, 43_200, 86_400, 90_000, 172_800, 604_800, 2_592_000];
/** From "at once" to a day. */
const lagBuckets = [0.1, 0.3, 1, 3, 10, 30, 60, 300, 900, 3600, 21_600, 86_400];

/**
 * Every metric of dsyncd. Labels have few values, all from configuration or code: never a user name,
 * so that a million users cost no more than ten.
 */
export function metricsCatalogue(registry: Registry) {
  const registers = [registry];
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Gauge<Label>({ name, help, labelNames: [...labelNames], registers });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[] = []) =>
    new Counter<Label>({ name, help, labelNames: [...labelNames], registers });
  const histogram = <Label extends string>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames: readonly Label[],
  ) => new Histogram<Label>({ name, help, buckets: [...buckets], labelNames: [...labelNames], registers });

  return {
    build: gauge('dsyncd_build_info', 'Always 1; the version is in the label.', ['version']),
    queued: gauge(
      'dsyncd_queue_users',
      'Users by what they wait for; each user of a channel is in one state at most.',
      ['channel', 'state'],
    ),
    users: gauge('dsyncd_users', 'Known users.', ['channel']),
    standing: gauge(
      'dsyncd_users_standing',
      'Users by how they stand with the replica; together they are all known users. Users who are not `replicated` may have mail that the replica lacks.',
      ['channel', 'standing'],
    ),
    behind: gauge(
      'dsyncd_users_behind',
      'Users whose oldest not yet replicated change waits longer than the label says, in seconds.',
      ['channel', 'longer_than'],
    ),
    oldestLag: gauge(
      'dsyncd_oldest_lag_seconds',
      'How long the oldest not yet replicated change of any user waits; 0 when none does.',
      ['channel'],
    ),
    paused: gauge('dsyncd_channel_paused', '1 while a person has paused the channel.', ['channel']),
    breaker: gauge('dsyncd_breaker_state', '1 for the state that the circuit breaker of the channel is in.', [
      'channel',
      'state',
    ]),
    breakerFailures: gauge(
      'dsyncd_breaker_consecutive_failures',
      'Failed syncs since the last that reached the peer.',
      ['channel'],
    ),
    deliveriesRefused: counter(
      'dsyncd_deliveries_refused_total',
      'Times that dsync-lmtp answered 451 since the second copy could not be made in time (delivery_requires_replica).',
    ),
    deliveriesRefusing: gauge(
      'dsyncd_deliveries_refusing',
      '1 while deliveries that require a replica do not get there.',
    ),
    connections: gauge('dsyncd_connections', 'Syncs that run now.', ['channel']),
    connectionsMax: gauge('dsyncd_connections_max', 'Syncs that may run at once (replication_max_conns).'),
    syncs: counter('dsyncd_syncs_total', 'Ended syncs.', ['channel', 'type', 'outcome']),
    retries: counter('dsyncd_sync_retries_total', 'Syncs that have to be done again, by the code of why.', [
      'channel',
      'reason',
    ]),
    duration: histogram('dsyncd_sync_duration_seconds', 'From claim to outcome.', durationBuckets, [
      'channel',
      'type',
    ]),
    lag: histogram(
      'dsyncd_sync_lag_seconds',
      'From the oldest notified change to the end of the successful sync that covered it.',
      lagBuckets,
      ['channel', 'priority'],
    ),
    mails: counter('dsyncd_sync_mails_total', 'Mails copied.', ['channel', 'direction']),
    bytes: counter('dsyncd_sync_bytes_total', 'Bytes moved by syncs.', ['channel', 'direction']),
    bodiesSpared: counter(
      'dsyncd_sync_bodies_spared_total',
      'Mails received without their body: a copy was here.',
      ['channel'],
    ),
    changes: counter('dsyncd_sync_changes_total', 'Changes applied beside new mails.', ['channel', 'kind']),
    conflicts: counter('dsyncd_sync_conflicts_total', 'Changes on both sides at once that were merged.', [
      'channel',
    ]),
    verifications: counter(
      'dsyncd_verifications_total',
      'Full syncs, which compare everything, by what they proved; repaired: something differed unnoticed.',
      ['channel', 'result'],
    ),
    verificationInterval: histogram(
      'dsyncd_verification_interval_seconds',
      'How long before a successful full sync the one before it began.',
      verificationBuckets,
      ['channel'],
    ),
    unverified: gauge(
      'dsyncd_users_unverified',
      'Users whose last full sync is longer ago than the label says, in seconds, or who never had one.',
      ['channel', 'longer_than'],
    ),
    oldestVerification: gauge(
      'dsyncd_oldest_verification_seconds',
      'How long ago the full sync was of the user whose last one is longest ago.',
      ['channel'],
    ),
    consumerBehind: gauge(
      'dsyncd_consumer_users_behind',
      'Users who changed and whom a consumer of the change feed does not have yet; missing while it is given all users.',
      ['consumer'],
    ),
    consumerLag: gauge(
      'dsyncd_consumer_lag_seconds',
      'How long the oldest change waits that a consumer does not have; 0 when it has all.',
      ['consumer'],
    ),
    consumerFailures: gauge('dsyncd_consumer_failures_in_row', 'Failed runs since the last that succeeded.', [
      'consumer',
    ]),
    consumerRuns: counter('dsyncd_consumer_runs_total', 'Runs of a consumer, by outcome (ok, failed).', [
      'consumer',
      'outcome',
    ]),
    notifications: counter('dsyncd_notifications_total', 'Notifications taken.', ['source']),
    refused: counter('dsyncd_notifications_refused_total', 'Notifications refused: not a valid user name.', [
      'source',
    ]),
    httpConnections: gauge('dsyncd_http_connections', 'Open connections of the HTTP API.'),
    eventClients: gauge('dsyncd_event_clients', 'Clients of the event stream.'),
    eventsDropped: counter(
      'dsyncd_events_dropped_total',
      'Events that slow clients of the event stream missed.',
    ),
  };
}

export type MetricsCatalogue = ReturnType<typeof metricsCatalogue>;
