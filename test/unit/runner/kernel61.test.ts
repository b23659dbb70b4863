/** Which tests run on the second kernel. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { select } from '../../runner/kernel61/step.ts';
import { filesOf as filesOfSuite } from '../../runner/suite.ts';

test('a run of everything says what of the kernel suite it leaves out; the whole leaves out nothing', () => {
  const [brief, whole] = [select([], false), select([], true)];
  const ofInterop = 'test/interop/differential-vlan.test.ts';
  const leftOut = filesOf('kernel').filter((file) => !brief.files.includes(file));
  expect(leftOut.filter((file) => !/kernel\/(harness\/|ipam\/kill|resources\/walks\/)/.test(file))).toEqual([]);
  expect(brief.extent).toMatch(/without test\/kernel\/harness\/, test\/kernel\/ipam\/kill.test.ts, /);
  expect(brief.artifacts).toBe('dist/trestle');
  expect(brief.files).toContain(ofInterop);
  expect(whole.artifacts).toBe('all');
  expect([...whole.files].sort()).toEqual([...filesOf('e2e'), ofInterop, ...filesOf('kernel')]);
});

test('files that need the second kernel are in a run of everything', () => {
  const { files } = select([], false);
  const needing = [...filesOf('kernel'), ...filesOf('e2e')].filter((file) =>
    /\b(describeNeeding|e2eNeeding)\(/.test(readFileSync(file, 'utf8')),
  );
  expect(needing.filter((file) => !files.includes(file))).toEqual([]);
});

function filesOf(name: string): string[] {
  return filesOfSuite({ name });
}
