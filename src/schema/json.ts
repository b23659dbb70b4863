/** JSON as Go's programs write and read it, since configurations and results come from them. */

/**
 * The value of a text, without keys whose value is null, at every depth: Go ignores them. In a list, null is an entry and
 * stays, and the schema refuses it. @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text, withoutNull);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function withoutNull(this: unknown, _: string, entry: unknown): unknown {
  return entry ?? (Array.isArray(this) ? entry : undefined);
}
