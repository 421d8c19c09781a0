import type { ConsumerStatus } from '@dsyncd/changes';
import type { ConsumerReading } from '@dsyncd/telemetry';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { isoInstant } from './views.ts';

const closed = { additionalProperties: false } as const;
const instant = (description: string) => Type.Optional(Type.String({ format: 'date-time', description }));

export const consumerSchema = Type.Object(
  {
    name: Type.String(),
    state: Type.Union([Type.Literal('waiting'), Type.Literal('running'), Type.Literal('failing')], {
      description:
        '`waiting`: it has all changes. `failing`: the last run failed, the same users come again.',
    }),
    startsOver: Type.Boolean({ description: 'It is being given all users.' }),
    usersBehind: Type.Optional(
      Type.Integer({ description: 'Users who changed and whom it does not have yet; missing: not known.' }),
    ),
    behindSince: instant('When the first change came that it does not have.'),
    runningSince: instant('When the run began that is under way.'),
    runs: Type.Integer({ description: 'That succeeded, since the start of dsyncd.' }),
    failures: Type.Integer({ description: 'Since the start of dsyncd.' }),
    failuresInRow: Type.Integer(),
    lastSuccessAt: instant('End of the last run that succeeded, since the start of dsyncd.'),
    nextTryAt: instant('After a failure.'),
    code: Type.Optional(Type.String({ description: 'Of the last failure, until a run succeeds.' })),
    reason: Type.Optional(Type.String()),
    hint: Type.Optional(Type.String()),
  },
  { ...closed, title: 'Consumer of the change feed' },
);
export type ConsumerView = Static<typeof consumerSchema>;

export function consumerView(status: ConsumerStatus): ConsumerView {
  const { behindSince, runningSince, lastSuccessAt, nextTryAt, failure, usersBehind, ...plain } = status;
  return {
    ...plain,
    ...(usersBehind === undefined ? {} : { usersBehind }),
    ...(behindSince === undefined ? {} : { behindSince: isoInstant(behindSince) }),
    ...(runningSince === undefined ? {} : { runningSince: isoInstant(runningSince) }),
    ...(lastSuccessAt === undefined ? {} : { lastSuccessAt: isoInstant(lastSuccessAt) }),
    ...(nextTryAt === undefined ? {} : { nextTryAt: isoInstant(nextTryAt) }),
    ...(failure === undefined ? {} : { code: failure.code, reason: failure.reason }),
    ...(failure?.hint === undefined ? {} : { hint: failure.hint }),
  };
}

export const consumerReading = (status: ConsumerStatus, now: number): ConsumerReading => ({
  ...status,
  lagMs: status.behindSince === undefined ? 0 : Math.max(0, now - status.behindSince),
});
