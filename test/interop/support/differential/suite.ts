/** Tests that compare both sides case by case, and a list of differences with what is found. */

import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import type { Case } from './case.ts';
import { differences } from './difference.ts';
import type { JsonObject } from './json.ts';
import { inLanes } from './lanes.ts';
import type { Meant } from './meant.ts';

/** What came of a case on each side. */
export type Observe = (subject: Case) => Promise<readonly [theirs: JsonObject, ours: JsonObject]>;

export interface Comparison {
  /** The cases by what they are about. At least one side does an ADD of each. */
  readonly tables: Readonly<Record<string, readonly Case[]>>;
  /** The same, but both sides refuse each. */
  readonly refused?: Readonly<Record<string, readonly Case[]>>;
  readonly observe: Observe;
  /** Those that must be found here. */
  readonly meant: readonly Meant[];
  /** Those that may be found, and that another comparison has to find. */
  readonly alsoMeant?: readonly Meant[];
}

interface Found {
  readonly sides: readonly [JsonObject, JsonObject];
  readonly lines: readonly string[];
}

/** Every line that differs is meant, and everything that is meant differs. */
export function compare({ tables, refused = {}, observe, meant, alsoMeant = [] }: Comparison): void {
  const cases = Object.values({ ...tables, ...refused }).flat();
  let outcomes: Map<Case, Promise<Found>>;
  beforeAll(() => {
    outcomes = inLanes(cases, (subject) => findDifferences(subject, observe));
  });
  afterAll(async () => void (await Promise.allSettled(outcomes.values())));
  const explains = ({ cases: names, lines }: Meant, subject: Case, line: string) =>
    (names === undefined || names.test(subject.name)) && lines.some((pattern) => pattern.test(line));

  for (const [title, table] of Object.entries({ ...tables, ...refused })) {
    describe(title, () => {
      test.each(table.map((subject) => [subject.name, subject] as const))('%s', async (_, subject) => {
        const { lines, sides } = (await outcomes.get(subject)) as Found;
        expect(sides.some(isDone)).toBe(!(title in refused));
        const all = [...meant, ...alsoMeant];
        expect(lines.filter((line) => !all.some((entry) => explains(entry, subject, line)))).toEqual([]);
      });
    });
  }

  const certain = meant.filter(({ byChance }) => !byChance);
  test.each(certain.map((entry) => [entry.because, entry] as const))('is meant, and found: %s', async (_, entry) => {
    const found = await Promise.all(
      cases.map(async (subject) => ({ subject, ...((await outcomes.get(subject)) as Found) })),
    );
    const isFound = (pattern: RegExp) =>
      found.some(({ subject, lines }) => lines.some((line) => explains({ ...entry, lines: [pattern] }, subject, line)));
    expect(entry.lines.filter((pattern) => !isFound(pattern)).map(String)).toEqual([]);
  });
}

function isDone({ ADD }: JsonObject): boolean {
  return (ADD as JsonObject[]).some(({ status }) => status === 0);
}

/** Where one side alone succeeds, that is all there is to say. */
async function findDifferences(subject: Case, observe: Observe): Promise<Found> {
  const sides = await observe(subject);
  const lines = differences(...sides);
  const outcomes = lines.filter((line) => /^ADD \| \d \| status: /.test(line));
  return { sides, lines: outcomes.length > 0 ? outcomes : lines };
}
