/** What one step skipped because this machine's kernel lacks something, and the step kernel61 of the same run ran. */

import { lackingName } from '../support/skipped.ts';
import { KERNEL61 } from './kernel61/name.ts';
import type { Report } from './report.ts';

/** The reports without the skips that kernel61 made up for; each of them is named in `elsewhere`. */
export function withoutCovered(reports: readonly Report[]): Report[] {
  const second = reports.find(({ name }) => name === KERNEL61);
  if (second === undefined) return [...reports];
  return reports.map((report) => {
    const elsewhere = report === second ? [] : report.skipped.filter((line) => isCovered(line, second));
    return { ...report, skipped: report.skipped.filter((line) => !elsewhere.includes(line)), elsewhere };
  });
}

/** Something of it passed there, and nothing of it failed or was skipped. */
function isCovered(line: string, { passed, failed, skipped }: Report): boolean {
  const name = lackingName(line);
  if (name === undefined) return false;
  const isOfIt = (other: string) => other === name || other.startsWith(`${name} > `) || other.startsWith(`${name} (`);
  return passed.some(isOfIt) && ![...failed, ...skipped].some(isOfIt);
}
