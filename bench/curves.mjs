// ADD and DEL of several contenders against a number: the table and the plot of it.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { plot } from './plot.mjs';
import { median, quantile } from './statistics.mjs';

/** What changes something. */
export const CHANGES = ['ADD', 'DEL'];

/** A network as the readers of the figures have it: a gateway and masquerading, IPv4. */
export const MASQUERADED = {
  isGateway: true,
  isDefaultGateway: true,
  ipMasq: true,
  ipam: { ranges: [[{ subnet: '10.22.0.0/16' }]] },
};

/**
 * The table, as bench/report.mjs wants it.
 * @param curves `{ contenders, numbers, xHead, times }`: `times(number, id, command)` are milliseconds
 */
export function tableOf({ contenders, numbers, xHead, times }) {
  const head = ['', xHead, ...CHANGES.flatMap((command) => [`${command} ms`, '(p90)'])];
  const cells = (list) => [median(list).toFixed(1), `(${quantile(list, 0.9).toFixed(1)})`];
  const rows = contenders.flatMap(({ id, name }) =>
    numbers.map((number, i) => [
      i === 0 ? name : '',
      number,
      ...CHANGES.flatMap((command) => cells(times(number, id, command))),
    ]),
  );
  return { head, rows };
}

/** Draws the medians into a file. `curves` as above, and `xTitle`, `yTitle`. */
export function draw(file, { contenders, numbers, times, xTitle, yTitle }) {
  const points = (id, command) => numbers.map((number) => [number, median(times(number, id, command))]);
  const panels = CHANGES.map((command) => ({
    title: command,
    series: contenders.map(({ id, name }) => ({ name, points: points(id, command) })),
  }));
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, plot({ panels, xTitle, yTitle }));
}
