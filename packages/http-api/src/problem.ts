import { STATUS_CODES } from 'node:http';
import { DsyncdError, type Logger } from '@dsyncd/core';
import type { FastifyReply } from 'fastify';
import type { Static } from 'typebox';
import * as Type from 'typebox';

/** An answer that is not what the client wanted. */
export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly hint: string | undefined;

  constructor(status: number, code: string, detail: string, options: { readonly hint?: string } = {}) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.hint = options.hint;
  }
}

/** Status of errors that the parts throw; others go by their retry class. */
const statusOfCode: Readonly<Record<string, number>> = {
  DSYNCD_USER_NAME: 400,
  DSYNCD_QUEUE_CURSOR: 400,
  DSYNCD_CHANGES_CURSOR: 410,
  DSYNCD_QUEUE_CHANNEL: 404,
  DSYNCD_QUEUE_USERS_MAX: 507,
};

/** Hints for what Fastify itself refuses. */
const hintOfCode: Readonly<Record<string, string>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'send fewer users at once',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'send JSON with "Content-Type: application/json"',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'leave Content-Type out when there is no body',
  FST_ERR_CTP_INVALID_JSON_BODY: 'check the JSON',
};

/** Any error as a {@link Problem}; unexpected errors are logged here, and the client does not see them. */
export function toProblem(error: unknown, logger: Logger): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof DsyncdError) {
    const status = statusOfCode[error.code] ?? (error.outcome === 'transient' ? 503 : 500);
    if (status === 500) logger.error({ error }, 'HTTP request failed');
    const hint = error.hint ?? (status === 503 ? 'try again in some seconds' : undefined);
    return new Problem(status, error.code, error.message, hint === undefined ? {} : { hint });
  }
  if (isRefusal(error)) {
    const hint = 'code' in error ? hintOfCode[String(error.code)] : undefined;
    return new Problem(
      error.statusCode,
      'DSYNCD_HTTP_REQUEST',
      error.message,
      hint === undefined ? {} : { hint },
    );
  }
  logger.error({ error }, 'HTTP request failed');
  return new Problem(500, 'DSYNCD_INTERNAL', 'a defect of dsyncd', { hint: 'please report it with the log' });
}

/** What Fastify and its plugins throw for a request that they do not like. */
const isRefusal = (error: unknown): error is Error & { readonly statusCode: number } =>
  error instanceof Error &&
  'statusCode' in error &&
  typeof error.statusCode === 'number' &&
  error.statusCode >= 400 &&
  error.statusCode < 500;

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, message, hint } = problem;
  if (status === 401 && !reply.hasHeader('www-authenticate'))
    void reply.header('www-authenticate', 'Bearer realm="dsyncd"');
  if (status === 503) void reply.header('retry-after', '1');
  const body: ProblemBody = {
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail: message,
    code,
    hint,
  };
  return reply
    .code(status)
    .type('application/problem+json')
    .serializer((value: unknown) => JSON.stringify(value))
    .send(body);
}

/** RFC 9457, with the code and the hint that all errors of dsyncd have. */
export const problemSchema = Type.Object(
  {
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String({ description: 'Stable; for programs.' }),
    hint: Type.Optional(Type.String({ description: 'What to do about it.' })),
  },
  { title: 'Problem', additionalProperties: false },
);
export type ProblemBody = Static<typeof problemSchema>;
