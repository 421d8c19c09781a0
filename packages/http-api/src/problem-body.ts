import Type, { type Static } from 'typebox';

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
