/** Edits that keep the formatting, and diffs that `patch` takes. */

import { expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { edited, unifiedDiff } from '../../../../src/cli/configuration/edit.ts';
import { scratchDirectory } from '../../../support/scratch.ts';

test('edits are made from the end, and the first of two at one place counts', () => {
  const edits = [
    { start: 0, end: 1, text: 'AAA' },
    { start: 4, end: 5, text: '' },
  ];
  expect(edited('a b c', edits)).toBe('AAA b ');
});

test('a diff shows three lines around a change', () => {
  const before = [1, 2, 3, 4, 5, 6, 7, 8, 9].join('\n').concat('\n');
  expect(unifiedDiff('f', before, before.replace('5', 'five'))).toBe(
    '--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n',
  );
  expect(unifiedDiff('f', before, before)).toBe('');
});

test.each([true, false])('git applies the diffs of changed lines; a line break at the end: %p', (isEnded) => {
  const directory = scratchDirectory();
  const lines = fc.array(fc.constantFrom('a', 'b', '  c', ''), { minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(lines, fc.array(fc.nat(40), { minLength: 1 }), (drawn, changed) => {
      const old = [...drawn, 'end']; // an edit changes lines, and adds none
      const now = old.map((line, at) => (changed.includes(at) ? `${line}x` : line));
      const [before, after] = [old, now].map((all) => all.join('\n') + (isEnded ? '\n' : '')) as [string, string];
      writeFileSync(join(directory, 'f'), before);
      writeFileSync(join(directory, 'p'), unifiedDiff('f', before, after));
      if (before === after) return;
      const done = Bun.spawnSync(['git', 'apply', '-p0', 'p'], {
        cwd: directory,
        env: { PATH: process.env.PATH ?? '' },
      });
      expect(done.stderr.toString()).toBe('');
      expect(readFileSync(join(directory, 'f'), 'utf8')).toBe(after);
    }),
    { numRuns: 40 },
  );
});
