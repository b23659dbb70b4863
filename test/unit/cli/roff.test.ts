/** Text in the language of manual pages. */

import { expect, test } from 'bun:test';
import { entry, paragraphs, running } from '../../../src/cli/manual/roff.ts';

test('nothing in running text is taken for a request or an escape', () => {
  expect(running('.TH is "a\\b" --json it\'s ~')).toBe('\\&.TH is \\(dqa\\eb\\(dq \\-\\-json it\\(aqs \\(ti');
});

test('no line begins with a period, wherever lines are broken, and none is long', () => {
  const lines = running('word .trestle '.repeat(60)).split('\n');
  expect(lines.length).toBeGreaterThan(5);
  expect(lines.filter((line) => line.startsWith('.') || line.length > 80)).toEqual([]);
});

test('paragraphs are divided, and indented ones stay as they are', () => {
  expect(paragraphs('one\ntwo\n\n  a  b\n  .c\n\nthree')).toBe('one two\n.PP\n.EX\n  a  b\n  .c\n.EE\n.PP\nthree\n');
});

test('a term has its explanation below', () => {
  expect(entry('\\fB0\\fR', 'All is well.')).toBe('.TP\n\\fB0\\fR\nAll is well.\n');
});
