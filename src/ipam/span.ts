/** Runs of consecutive addresses, as numbers: what is left of a range when addresses are taken out of it. */

export interface Span {
  readonly first: bigint;
  readonly last: bigint;
}

/** `spans` (ascending, disjoint) without the addresses of `hole`. */
export function withoutSpan(spans: readonly Span[], hole: Span): Span[] {
  return spans.flatMap((span) => {
    if (hole.last < span.first || hole.first > span.last) return [span];
    const left = { first: span.first, last: hole.first - 1n };
    const right = { first: hole.last + 1n, last: span.last };
    return [left, right].filter((rest) => rest.first <= rest.last);
  });
}

/** The part of `span` between two addresses, inclusive; undefined where there is none. */
export function clipSpan(span: Span, first: bigint, last: bigint): Span | undefined {
  const clipped = { first: first > span.first ? first : span.first, last: last < span.last ? last : span.last };
  return clipped.first <= clipped.last ? clipped : undefined;
}

/** How many addresses the spans hold. */
export function sizeOf(spans: readonly Span[]): bigint {
  return spans.reduce((sum, span) => sum + span.last - span.first + 1n, 0n);
}
