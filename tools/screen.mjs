// What the programs print: colour where a terminal shows it, marks, aligned columns.

import { stripVTControlCharacters } from 'node:util';

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, magenta: 35, cyan: 36 };

const hasColour = process.stdout.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

/** The text in a style (one of CODES), or as it is where there is no colour. */
export function paint(style, text) {
  return hasColour && style && text ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

/** ✓ or ✗. */
export function mark(isGood) {
  return isGood ? paint('green', '✓') : paint('red', '✗');
}

/** Cells side by side, two blanks between; a negative width aligns to the right, a cell without a width is as it is. */
export function columns(cells, widths) {
  const padded = cells.map((cell, i) => aligned(String(cell ?? ''), widths[i] ?? 0));
  return padded.join('  ').trimEnd();
}

/** Rows as lines of columns, each as wide as its widest cell; all but the first `left` columns aligned to the right. */
export function table(rows, left = 1) {
  const width = (i) => Math.max(...rows.map((row) => visibleLength(String(row[i] ?? ''))));
  const widths = rows[0].map((_, i) => (i < left ? width(i) : -width(i)));
  return rows.map((row) => columns(row, widths));
}

/** Milliseconds for people: `0.07 ms`, `12.3 ms`, `4.2 s`. */
export function duration(ms) {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 1 ? 2 : 1)} ms`;
}

function aligned(text, width) {
  const padding = ' '.repeat(Math.max(0, Math.abs(width) - visibleLength(text)));
  return width < 0 ? padding + text : text + padding;
}

function visibleLength(text) {
  return stripVTControlCharacters(text).length;
}
