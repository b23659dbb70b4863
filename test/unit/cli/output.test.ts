import { describe, expect, test } from 'bun:test';
import { ageText } from '../../../src/cli/output/age.ts';
import { styleFor } from '../../../src/cli/output/style.ts';
import { facts, table } from '../../../src/cli/output/table.ts';
import { wrapped } from '../../../src/cli/output/wrap.ts';

describe('a table', () => {
  test('is aligned, and an empty cell is a dash', () => {
    expect(
      table(
        ['A', 'LONGER', 'C'],
        [
          ['one', '', 'x'],
          ['t', 'two words', ''],
        ],
      ),
    ).toBe('A    LONGER     C\none  -          x\nt    two words  -\n');
  });

  test('does not count colours', () => {
    const { red } = styleFor({ isColoured: true });
    const text = table(
      ['A', 'B'],
      [
        [{ text: 'dead', paint: red }, 'x'],
        ['alive', 'y'],
      ],
    );
    expect(text).toBe('A      B\n\u001b[31mdead\u001b[0m   x\nalive  y\n');
  });

  test('obeys no control character', () => {
    expect(table(['A'], [['a\u001b[2Jb\nc']])).toBe('A\na [2Jb c\n');
  });
});

test('facts are aligned', () => {
  expect(
    facts(
      [
        ['a', '1'],
        ['long name', '2'],
      ],
      '  ',
    ),
  ).toBe('  a          1\n  long name  2\n');
});

test('colours are for terminals', () => {
  expect(styleFor({ isColoured: false }).red('x')).toBe('x');
});

test.each([
  [0, '0s'],
  [59, '59s'],
  [61, '1m1s'],
  [3_600, '1h'],
  [90_061, '1d1h'],
  [-5, '0s'],
])('%d seconds are %s', (seconds, text) => {
  expect(ageText(1_000, 1_000 + seconds * 1000)).toBe(text);
});

test('text is broken between words; an indented line stays', () => {
  expect(wrapped('one two three\n  one two three', 7)).toBe('one two\nthree\n  one two three');
});
