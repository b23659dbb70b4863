/** A skip for want of a kernel feature is none where the second kernel ran the same in the same run. */

import { describe, expect, test } from 'bun:test';
import { withoutCovered } from '../../runner/covered.ts';
import { KERNEL61 } from '../../runner/kernel61/name.ts';
import { failure, type Report, skip } from '../../runner/report.ts';
import { totals } from '../../runner/summary.ts';
import { lacking, skippedName } from '../../support/skipped.ts';

const FILE = 'test/kernel/vlan.test.ts';
const NAME = `${FILE}: a bridge > VLANs`;
const SKIP = skippedName(NAME, lacking('vlan-filtering'));
const KERNEL = report('kernel', { skipped: [SKIP] });

describe('what was skipped because the kernel lacks something', () => {
  test('and ran on the second one, is named and does not count', () => {
    const settled = withoutCovered([KERNEL, report(KERNEL61, { passed: [`${NAME} > are there`] })]);
    expect(settled[0]).toMatchObject({ skipped: [], elsewhere: [SKIP] });
    expect(totals(settled, true)).toEqual({ passed: 1, failed: 0 });
  });

  test.each<[string, Report[]]>([
    ['the second kernel was not asked', []],
    ['it could not run', [skip(KERNEL61, 'all of it: no package')]],
    ['it has failed', [failure(KERNEL61, 'the machine ran no test')]],
    ['it ran another group of the file', [report(KERNEL61, { passed: [`${FILE}: a bridge > VLANs and more > x`] })]],
    [
      'it ran the group of another file',
      [report(KERNEL61, { passed: [`test/e2e/vlan.test.ts: a bridge > VLANs > x`] })],
    ],
    ['one of them failed', [report(KERNEL61, { passed: [`${NAME} > x`], failed: [`${NAME} > y`] })]],
    ['one of them was skipped', [report(KERNEL61, { passed: [`${NAME} > x`], skipped: [`${NAME} > y`] })]],
    ['it lacks the same', [report(KERNEL61, { skipped: [SKIP] })]],
  ])('counts where %s', (_, second) => {
    const [kernel] = withoutCovered([KERNEL, ...second]);
    expect(kernel?.skipped).toEqual([SKIP]);
  });
});

test('what was skipped for another reason counts, whatever ran elsewhere', () => {
  const line = skippedName(NAME, 'it needs root');
  const second = report(KERNEL61, { passed: [`${NAME} > x`] });
  expect(withoutCovered([report('kernel', { skipped: [line] }), second])[0]?.skipped).toEqual([line]);
});

function report(name: string, lines: Partial<Report>): Report {
  return { name, ms: 1, passed: [], failed: [], skipped: [], output: '', ...lines };
}
