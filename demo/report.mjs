// What the demo tells, step by step: printed as it happens, or kept for the summary that --json prints.

import { columns, duration, mark, paint } from '../tools/screen.mjs';

/**
 * Opens the report of one run.
 * @returns `section(title, widths)`; `step(subject, ok, cells, facts)`, where the facts go into the summary;
 *   `progress(text)` before something slow; `show(lines)`; `note(name, value)` for the summary alone; `abort(error)`;
 *   and `finish()`, which prints the end and says whether all went well.
 */
export function openReport({ isQuiet }) {
  const start = performance.now();
  const summary = { ok: true, ms: 0, steps: [] };
  let current = { title: '', widths: [] };
  const print = (line) => {
    if (!isQuiet) console.log(line);
  };
  return {
    section: (title, widths) => {
      current = { title, widths };
      print(`\n${paint('bold', title)}`);
    },
    step: (subject, ok, cells = [], facts = {}) => {
      summary.steps.push({ section: current.title, subject, ok, ...facts });
      summary.ok &&= ok;
      print(`  ${mark(ok)} ${columns([subject, ...cells], current.widths)}`);
    },
    progress: (text) => print(paint('dim', `  … ${text}`)),
    show: (lines) => {
      for (const line of lines) print(line);
    },
    note: (name, value) => {
      summary[name] = value;
    },
    abort: (error) => {
      summary.ok = false;
      summary.error = error.message;
    },
    finish: () => {
      summary.ms = performance.now() - start;
      if (summary.steps.length > 0) print(ending(summary));
      if (isQuiet) console.log(JSON.stringify(summary, null, 2));
      return summary.ok;
    },
  };
}

function ending({ ok, ms, steps, error }) {
  const took = paint('dim', duration(ms));
  const failed = steps.filter((step) => !step.ok).length;
  if (ok) return `\n${mark(true)} ${paint('bold', `all ${steps.length} steps as they should be`)}  ${took}`;
  if (error) return `\n${mark(false)} ${paint('bold', 'stopped by an error')}  ${took}`;
  return `\n${mark(false)} ${paint('bold', `${failed} of ${steps.length} steps not as they should be`)}  ${took}`;
}
