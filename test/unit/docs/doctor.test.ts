/** docs/doctor.md against the source: every code of a finding is in it, once, and nothing that is not there any more. */

import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SECTIONS } from '../../../src/cli/doctor/sections/index.ts';
import { codeOf, tablesOf } from '../../support/tables.ts';

const ROOT = join(import.meta.dir, '../../..');
const PAGE = readFileSync(join(ROOT, 'docs/doctor.md'), 'utf8');
const ROWS = tablesOf(PAGE)
  .filter(({ columns }) => columns[0] === 'code')
  .flatMap(({ rows }) => rows);
const DOCUMENTED = ROWS.map(([code]) => codeOf(code as string));

/** Codes are written where findings are made: as a key, or as the first argument of what makes one. */
const SOURCES = [...new Bun.Glob('src/cli/doctor/**/*.ts').scanSync(ROOT)];
const CODES = SOURCES.flatMap((path) => {
  const source = readFileSync(join(ROOT, path), 'utf8');
  const found = source.matchAll(
    /(?:\bcode: |\b(?:faulty|add)\(\s*|\b(?:about|found)\((?:\s*\w+,)+\s*|\s[?:]\s+|\breturn )'([a-z]+(?:-[a-z]+)+)'/g,
  );
  return [...found].map(([, code]) => code as string);
});

test('every code of the source is in the page, and every one in the page is in the source', () => {
  expect(CODES.length).toBeGreaterThan(30);
  expect([...new Set(CODES)].filter((code) => !DOCUMENTED.includes(code))).toEqual([]);
  expect(DOCUMENTED.filter((code) => !CODES.includes(code))).toEqual([]);
  expect(DOCUMENTED.filter((code, at) => DOCUMENTED.indexOf(code) !== at)).toEqual([]);
});

test('every row has a level, a meaning and a command', () => {
  for (const [code, level, meaning, command] of ROWS) {
    expect({ code, level }).toEqual({ code, level: expect.stringMatching(/^(error|warning)(, (error|warning))?$/) });
    expect({ code, meaning, command }).toEqual({
      code,
      meaning: expect.stringMatching(/\.$/),
      command: expect.stringContaining('`'),
    });
  }
});

test('the healthy node of the page has the sections in their order', () => {
  const shown = [...PAGE.matchAll(/^ok {2}(\S+)/gm)].map(([, name]) => name as string);
  const known = SECTIONS.map(({ name }) => name);
  expect(shown.filter((name) => !known.includes(name))).toEqual([]);
  expect(shown).toEqual(known.filter((name) => shown.includes(name)));
});
