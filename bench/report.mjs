// What a scenario found, as lines for a terminal and as a section of docs/benchmarks.md.

import { relative } from 'node:path';
import { paint, table } from '../tools/screen.mjs';
import { ROOT } from '../tools/setup.mjs';
import { targetLines } from './targets.mjs';

/**
 * A scenario's findings as lines.
 * @param findings `{ title, how, tables: [{ head, rows, left, note }], plot: { file, title }, worse: [text], targets }`, of
 *   which `left` is how many columns are text, and `plot` and `worse` may be missing
 */
export function linesOf({ tables, plot, worse = [], targets }) {
  const tabular = tables.flatMap(({ head, rows, left = 1, note }) => [
    ...table([head.map((text) => paint('dim', text)), ...rows], left),
    ...(note ? [paint('dim', note)] : []),
    '',
  ]);
  const drawn = plot ? [paint('dim', `drawn: ${relative(ROOT, plot.file)}`), ''] : [];
  return [...tabular, ...drawn, ...worseLines(worse), ...targetLines(targets)];
}

/** All findings as the text of docs/benchmarks.md. */
export function markdownOf({ machine, versions }, all) {
  const { cpu, cores, memoryGiB, kernel, distribution } = machine;
  const { trestle, debian, current, node } = versions;
  const head = `# Benchmarks

Written by \`npm run bench -- all --markdown docs/benchmarks.md\`; nothing here is typed in by hand.

${trestle} beside containernetworking-plugins, Debian's ${debian} and ${current}; Node ${node}.
${cpu}, ${cores} cores, ${memoryGiB} GiB; Linux ${kernel}, ${distribution}.

Where no container runtime is named, a plugin is started by a small C program as container runtimes start it (vfork, execve),
with its configuration waiting on stdin; a time is that of the whole process, until it has been waited for. All contenders take
turns in one run, each on a node (a network namespace) of its own, with their plugins copied there first, as an installation does.
`;
  return [head, ...all.map(section)].join('\n');
}

function section({ title, how, tables, plot, worse = [], targets }) {
  const picture = plot ? `![${plot.title}](${relative(`${ROOT}/docs`, plot.file)})\n` : '';
  const parts = tables.map(
    ({ head, rows, left = 1, note }) => `${markdownTable(head, rows, left)}${note ? `\n${note}.\n` : ''}`,
  );
  const goals = markdownTable(
    ['target', 'measured', 'at most'],
    targets.map(({ name, value, limit, unit, ok }) => [
      `${ok ? '✓' : '✗ missed:'} ${name}`,
      `${rounded(value)}${unit}`,
      `${rounded(limit)}${unit}`,
    ]),
    1,
  );
  const faults =
    worse.length > 0 ? `Worse than the reference:\n\n${worse.map((text) => `- ${text}`).join('\n')}\n` : '';
  return [`## ${title}\n`, `${how}.\n`, ...parts, picture, faults, targets.length > 0 ? goals : '']
    .filter((part) => part !== '')
    .join('\n');
}

function markdownTable(head, rows, left) {
  const line = (cells) => `| ${head.map((_, i) => cells[i] ?? '').join(' | ')} |`;
  const rule = head.map((_, i) => (i < left ? '---' : '---:'));
  return `${[head, rule, ...rows].map(line).join('\n')}\n`;
}

function worseLines(worse) {
  return worse.length === 0 ? [] : ['worse than the reference:', ...worse.map((text) => `  ${text}`), ''];
}

function rounded(value) {
  return Number.isInteger(value) ? String(value) : value.toFixed(2);
}
