/** JSON as Go's programs write and read it, for configurations and results come from them. */

/**
 * The value of a text. Keys whose value is null are dropped, at whatever depth: to Go a null says nothing. In a list it
 * stands for an entry, so there it stays, and is told where it has no business. @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  return JSON.parse(text, withoutNull);
}

function withoutNull(this: unknown, _: string, entry: unknown): unknown {
  return entry ?? (Array.isArray(this) ? entry : undefined);
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
