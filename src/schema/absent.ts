/** Keys that may be missing. To Go, whose programs write these files, null says nothing, and so may a zero value. */

import * as z from './zod.ts';

type Something = NonNullable<unknown>;

/** Missing or null is undefined; anything else must satisfy the schema. */
export function absentOr<Out>(schema: z.ZodMiniType<Out>) {
  return withNothing(schema, (value) => value ?? undefined);
}

/** The same, and "" is undefined too. */
export function emptyOr<Out>(schema: z.ZodMiniType<Out>) {
  return withNothing(schema, (value) => (value === '' ? undefined : (value ?? undefined)));
}

function withNothing<Out>(schema: z.ZodMiniType<Out>, strip: (value: unknown) => Something | undefined) {
  const inner = z.optional(schema) as z.ZodMiniType<Out | undefined, Something | undefined>;
  return z.optional(z.pipe(z.transform(strip), inner));
}
