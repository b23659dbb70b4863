/** What came of one step of a run. */

import type { ToolRun } from './tool.ts';

export interface Report {
  readonly name: string;
  readonly ms: number;
  /** A line for each test that passed. */
  readonly passed: readonly string[];
  /** A line for each failure. */
  readonly failed: readonly string[];
  /** A line for each skipped test, or suite, with its reason. */
  readonly skipped: readonly string[];
  /** A line for each that was skipped here and ran on the second kernel instead, in the same run. */
  readonly elsewhere?: readonly string[];
  /** What is shown in any case: figures, and what was left to another form of the suite. */
  readonly notes?: readonly string[];
  /** Shown in full where something failed. */
  readonly output: string;
}

/** A step that is no suite of tests counts only when it fails. */
export function check(name: string, tool: ToolRun): Report {
  const failed = tool.status === 0 ? [] : [`${tool.command}: ${tool.ending}`];
  return { name, ms: tool.ms, passed: [], failed, skipped: [], output: tool.output };
}

/** A step of which nothing could run, and that is wrong. */
export function failure(name: string, why: string): Report {
  return { name, ms: 0, passed: [], failed: [why], skipped: [], output: '' };
}

/** A step of which nothing can run here. */
export function skip(name: string, why: string): Report {
  return { name, ms: 0, passed: [], failed: [], skipped: [why], output: '' };
}
