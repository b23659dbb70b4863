/** Tables for people: aligned columns, two spaces apart, no lines. */

import { plainText } from '../../fault.ts';

/** A cell: its text, or what it looks like in colour, whose text has the width. */
export type Cell = string | { readonly text: string; readonly paint: (text: string) => string };

const GAP = '  ';

/** The table with its header, a line each, every line ended. An empty cell becomes `-`. */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const shown = rows.map((row) => row.map(cellOf));
  const widths = header.map((name, at) => Math.max(name.length, ...shown.map((row) => row[at]?.text.length ?? 0)));
  const line = (row: readonly { text: string; paint: (text: string) => string }[]) =>
    row
      .map(({ text, paint }, at) => (at === row.length - 1 ? paint(text) : paint(text) + padding(text, widths[at])))
      .join(GAP)
      .trimEnd();
  const all = [header.map((name) => ({ text: name, paint: same })), ...shown];
  return all.map((row) => `${line(row)}\n`).join('');
}

/** Facts about one thing, `name  value` a line, the values aligned. */
export function facts(entries: readonly (readonly [name: string, value: Cell])[], indent = ''): string {
  const width = Math.max(0, ...entries.map(([name]) => name.length));
  const line = ([name, value]: readonly [string, Cell]) => {
    const { text, paint } = cellOf(value);
    return `${indent}${name.padEnd(width)}${GAP}${paint(text)}\n`;
  };
  return entries.map(line).join('');
}

function cellOf(cell: Cell): { text: string; paint: (text: string) => string } {
  const { text, paint } = typeof cell === 'string' ? { text: cell, paint: same } : cell;
  return { text: plainText(text) || '-', paint };
}

function padding(text: string, width = 0): string {
  return ' '.repeat(width - text.length);
}

function same(text: string): string {
  return text;
}
