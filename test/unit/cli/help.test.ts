/** Help texts in lines that fit. */

import { expect, test } from 'bun:test';
import { fittingHelp } from '../../../src/cli/output/help.ts';

test('a short text stays as it is', () => {
  const text = 'USAGE\n  trestle list [--json]\n\n     [--json]  Print JSON\n';
  expect(fittingHelp(text)).toBe(text);
});

test('a usage is broken between flags, and never inside one', () => {
  const flags = Array.from({ length: 12 }, (_, at) => `[--flag-${at} VALUE]`);
  const lines = fittingHelp(`  trestle do ${flags.join(' ')}`).split('\n');
  expect(lines.length).toBeGreaterThan(1);
  expect(lines.filter((line) => line.length > 100)).toEqual([]);
  expect(lines.join(' ').match(/\[--flag-\d+ VALUE\]/g)).toEqual(flags as never);
});

test('the text of a flag goes on below itself, a default in one piece', () => {
  const text = `     [--conf-dir]...  ${'word '.repeat(16)}    [default = /etc/cni/net.d]`;
  expect(fittingHelp(text)).toBe(
    `     [--conf-dir]...  ${'word '.repeat(15).trim()}\n${' '.repeat(22)}word [default = /etc/cni/net.d]`,
  );
});
