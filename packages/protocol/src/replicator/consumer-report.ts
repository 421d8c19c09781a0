import { pairs, readReport } from './report-fields.ts';

const states = ['waiting', 'running', 'failing'] as const;

/** How a consumer of the change feed is doing, as `CONSUMERS` answers it. Instants in Unix milliseconds. */
export interface ConsumerReport {
  readonly name: string;
  /** `waiting`: it has everything. `running`: it is working. `failing`: the last run failed, the next one is due later. */
  readonly state: (typeof states)[number];
  /** It is being given all users. */
  readonly startsOver: boolean;
  /** Users who changed and of whom it does not know yet; undefined while it is being given all users. */
  readonly usersBehind: number | undefined;
  /** When the first change was noted that it does not have. */
  readonly behindSince: number | undefined;
  /** When the run began that is under way. */
  readonly runningSince: number | undefined;
  readonly failuresInRow: number;
  readonly lastSuccessAt: number | undefined;
  readonly nextTryAt: number | undefined;
  /** Of the last run, if it failed. */
  readonly failure:
    | { readonly code: string; readonly reason: string; readonly hint: string | undefined }
    | undefined;
}

export const encodeConsumerReport = (report: ConsumerReport): string[] => [
  report.name,
  ...pairs({
    state: report.state,
    starts_over: Number(report.startsOver),
    behind: report.usersBehind,
    behind_since: report.behindSince,
    running_since: report.runningSince,
    failures: report.failuresInRow,
    success: report.lastSuccessAt,
    next: report.nextTryAt,
    code: report.failure?.code,
    reason: report.failure?.reason,
    hint: report.failure?.hint,
  }),
];

/** @throws {DsyncdError} `DSYNCD_REPLICATOR_ANSWER` when the fields are no consumer report. */
export function decodeConsumerReport(fields: readonly string[]): ConsumerReport {
  const { name, values } = readReport(fields);
  const code = values.text('code');
  const startsOver = values.count('starts_over') > 0;
  return {
    name,
    state: values.oneOf('state', states),
    startsOver,
    usersBehind: startsOver ? undefined : values.count('behind'),
    behindSince: values.number('behind_since'),
    runningSince: values.number('running_since'),
    failuresInRow: values.count('failures'),
    lastSuccessAt: values.number('success'),
    nextTryAt: values.number('next'),
    failure:
      code === undefined
        ? undefined
        : { code, reason: values.text('reason') ?? '', hint: values.text('hint') },
  };
}
