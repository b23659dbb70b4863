/** The readers of source and documents that the tests of this folder rely on. */

import { expect, test } from 'bun:test';
import { literalsOf } from '../../support/literals.ts';
import { codeOf, tablesOf } from '../../support/tables.ts';

test.each<[string, string[]]>([
  [`a('b', "c", \`d\`)`, ['b', 'c', 'd']],
  [`'it\\'s'`, ["it's"]],
  ["// 'no'\n/* \"no\" */ 'yes'", ['yes']],
  [`\`a \${b} c\``, ['a … c']],
  [`\`a \${b ? \`\${c} '}'\` : { d: '}' }.d} e\``, ['a … e']],
  ["x.replace(/['\"`/]/g, 'y')", ['y']],
  ["a / b / 'c'", ['c']],
])('the strings of %p', (source, texts) => {
  expect(literalsOf(source).map(({ text }) => text)).toEqual(texts);
});

test('a string without an end is no string', () => {
  expect(() => literalsOf("'a")).toThrow('no end');
  expect(() => literalsOf(`\`\${a`)).toThrow('no end');
});

test('the tables of a document, each with the heading above it', () => {
  const tables = tablesOf('# A\ntext\n| a | b |\n|---|:-:|\n| 1 | `2` |\n\n## B `c`\n| d |\n|---|\n');
  expect(tables).toEqual([
    { heading: 'A', columns: ['a', 'b'], rows: [['1', '`2`']] },
    { heading: 'B `c`', columns: ['d'], rows: [] },
  ]);
  expect(codeOf(tables[0]?.rows[0]?.[1] as string)).toBe('2');
  expect(() => codeOf('2')).toThrow('backticks');
});
