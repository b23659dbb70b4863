/** What a run prints. */

import type { Report } from './report.ts';

const COLOURS = { red: 31, green: 32, yellow: 33, dim: 2 } as const;
const coloured = process.stdout.isTTY === true && !process.env.NO_COLOR;

/** A line for a step that ended; where something failed, all that it wrote as well. */
export function printReport(report: Report): void {
  const duration = `${(report.ms / 1000).toFixed(1)} s`.padStart(8);
  console.log(`${report.name.padEnd(10)} ${paint('dim', duration)}  ${counts(report)}`);
  for (const note of report.notes ?? []) console.log(paint('dim', `           ${note}`));
  if (report.failed.length > 0 && report.output !== '') console.log(`\n${report.output.trim()}\n`);
}

/**
 * Everything skipped and everything failed by name, then the totals alone on the last line.
 * @param strict a skipped test counts as a failed one
 * @returns the exit status
 */
export function printSummary(reports: readonly Report[], strict: boolean): number {
  printNames('Run by kernel61 alone', 'dim', reports, (report) => report.elsewhere ?? []);
  printNames('Skipped', 'yellow', reports, (report) => report.skipped);
  printNames('Failed', 'red', reports, (report) => report.failed);
  const { passed, failed } = totals(reports, strict);
  const skipped = reports.some((report) => report.skipped.length > 0);
  if (strict && skipped) console.log('\nNothing may be skipped here (CI=true), so what was skipped counts as failed.');
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** The two numbers of the last line. */
export function totals(reports: readonly Report[], strict: boolean): { passed: number; failed: number } {
  const sum = (size: (report: Report) => number) => reports.reduce((total, report) => total + size(report), 0);
  const failed = sum((report) => report.failed.length) + (strict ? sum((report) => report.skipped.length) : 0);
  return { passed: sum((report) => report.passed.length), failed };
}

function counts({ passed, failed, skipped }: Report): string {
  const parts = [
    passed.length > 0 ? paint('green', `${passed.length} passed`) : '',
    failed.length > 0 ? paint('red', `${failed.length} failed`) : '',
    skipped.length > 0 ? paint('yellow', `${skipped.length} skipped`) : '',
  ].filter((part) => part !== '');
  return parts.join(', ') || 'ok';
}

function printNames(
  title: string,
  colour: keyof typeof COLOURS,
  reports: readonly Report[],
  names: (report: Report) => readonly string[],
): void {
  const lines = reports.flatMap((report) => names(report).map((name) => `  ${report.name}: ${name}`));
  if (lines.length > 0) console.log(`\n${paint(colour, `${title}:`)}\n${lines.join('\n')}`);
}

function paint(colour: keyof typeof COLOURS, text: string): string {
  return coloured ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}
