import type { FastifySchemaCompiler, FastifyTypeProvider } from 'fastify';
import type { Static, TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import * as Value from 'typebox/value';
import { Problem } from './problem.ts';

/** Types of requests and answers from their TypeBox schemas. */
export interface TypeBoxTypes extends FastifyTypeProvider {
  readonly validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  readonly serializer: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
}

const places: Readonly<Record<string, string>> = {
  body: 'the body',
  querystring: 'the query',
  params: 'the path',
};

/** Checks requests as strictly as their schemas say. Queries and paths are text, so they are converted first. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart = 'body' }) => {
  const validator = Compile(schema);
  const place = places[httpPart] ?? httpPart;
  return (given: unknown) => {
    const converted = httpPart === 'body' ? given : Value.Convert(schema, given);
    const value = Value.Default(schema, converted);
    if (validator.Check(value)) return { value };
    const detail = describeAll(validator.Errors(value));
    return { error: new Problem(400, 'DSYNCD_HTTP_REQUEST', `${place} ${detail}`, { hint: 'see /docs' }) };
  };
};

interface SchemaError {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
  readonly message: string;
}

function describeAll(errors: readonly SchemaError[]): string {
  const first = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0];
  if (first === undefined) return 'is not what is wanted';
  if (first.keyword !== 'const') return describe(first);
  const allowed = errors.flatMap(({ keyword, instancePath, params }) =>
    keyword === 'const' && instancePath === first.instancePath && 'allowedValue' in params
      ? [JSON.stringify(params.allowedValue)]
      : [],
  );
  return `field ${first.instancePath.slice(1)} is wrong: it must be one of ${allowed.join(', ')}`;
}

function describe({ keyword, instancePath, params, message }: SchemaError): string {
  if (keyword === 'additionalProperties' && 'additionalProperties' in params)
    return `has unknown fields: ${quoted(params.additionalProperties)}`;
  if (keyword === 'required' && 'requiredProperties' in params)
    return `lacks ${quoted(params.requiredProperties)}`;
  const field = instancePath === '' ? '' : `field ${instancePath.slice(1)} `;
  return `${field}is wrong: it ${message}`;
}

const quoted = (names: unknown): string =>
  (Array.isArray(names) ? names : [names])
    .map((name) => JSON.stringify(String(name).slice(0, 80)))
    .join(', ');
