/** What the bench says of whole pods, from made-up samples. */

import { describe, expect, test } from 'bun:test';
// @ts-expect-error: the bench has no types
import { linesOf, markdownOf } from '../../../bench/report.mjs';
// @ts-expect-error: the bench has no types
import { tableOf } from '../../../bench/scenarios/pods.mjs';

const contenders = [
  { id: 'debian', name: 'bridge 1.1.1' },
  { id: 'trestle', name: 'trestle' },
  { id: 'nothing', name: 'a plugin that does nothing' },
  { id: 'without', name: 'without network' },
];

const samples = {
  debian: { 10: { run: [100, 200, 300], remove: [80, 80] } },
  trestle: { 10: { run: [150, 160, 170], remove: [40, 40] } },
  nothing: { 10: { run: [120], remove: [20] } },
  without: { 10: { run: [50], remove: [10] } },
};

const table = tableOf(samples, contenders, 10);

describe('the table of pods', () => {
  test('compares with the first, and tells how much of a call the plugin is', () => {
    expect(table.head).toEqual(['10 pods at once, ms', '', 'median', 'p90', 'n', 'of 1.1.1', "the plugin's share"]);
    expect(table.rows).toEqual([
      ['RunPodSandbox', 'bridge 1.1.1', '200.0', '280.0', 3, '', '40 %'],
      ['', 'trestle', '160.0', '168.0', 3, '× 0.80', '25 %'],
      ['', 'a plugin that does nothing', '120.0', '120.0', 1, '× 0.60', ''],
      ['', 'without network', '50.0', '50.0', 1, '× 0.25', ''],
      ['StopPodSandbox, RemovePodSandbox', 'bridge 1.1.1', '80.0', '80.0', 2, '', '75 %'],
      ['', 'trestle', '40.0', '40.0', 2, '× 0.50', '50 %'],
      ['', 'a plugin that does nothing', '20.0', '20.0', 1, '× 0.25', ''],
      ['', 'without network', '10.0', '10.0', 1, '× 0.13', ''],
    ]);
  });

  test('speaks of one pod as one', () => {
    const one = Object.fromEntries(Object.entries(samples).map(([id, bySize]) => [id, { 1: bySize[10] }]));
    expect(tableOf(one, contenders, 1).head[0]).toBe('one pod, ms');
  });
});

describe('findings without targets', () => {
  const findings = { title: 'Whole pods', how: 'as they are', tables: [table], targets: [] };

  test('are lines for a terminal', () => {
    const lines: string[] = linesOf(findings);
    expect(lines.filter((line) => line.includes('trestle'))).toHaveLength(2);
    expect(lines.join('\n')).not.toContain('at most');
  });

  test('are a section of the document', () => {
    const text: string = markdownOf({ machine: {}, versions: {} }, [findings]);
    expect(text).toContain('## Whole pods\n\nas they are.\n\n| 10 pods at once, ms |');
    expect(text).toContain('|  | trestle | 160.0 | 168.0 | 3 | × 0.80 | 25 % |\n');
    expect(text).not.toContain('at most');
  });
});
