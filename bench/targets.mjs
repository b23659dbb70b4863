// What must hold: a figure and its limit.

import { mark, paint, table } from '../tools/screen.mjs';

/** A target: `value` may be at most `limit`. */
export function target(name, value, limit, unit = '') {
  return { name, value, limit, unit, ok: value <= limit };
}

/** The targets as lines, each with its mark. */
export function targetLines(targets) {
  const rows = targets.map(({ name, value, limit, unit, ok }) => [
    `${mark(ok)} ${name}`,
    paint('bold', `${formatted(value)}${unit}`),
    `at most ${formatted(limit)}${unit}`,
  ]);
  return rows.length === 0 ? [] : table(rows, 3);
}

function formatted(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
