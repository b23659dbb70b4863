/** A page of docs/ whose commands are run as they stand: boxes marked `sh`, and boxes marked `text` with what they print. */

import { expect } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dir, '../../..');
const END = '--- end of step';

/** A box of commands, and what the box of text behind it says that they print. */
export interface Step {
  readonly commands: string;
  readonly output: string;
}

/** The text of a page, by its name in docs/. */
export function pageText(name: string): string {
  return readFileSync(join(ROOT, 'docs', name), 'utf8');
}

/** The steps of each section (`##`) that has commands, by its title. */
export function sectionsOf(markdown: string): Map<string, Step[]> {
  const parts = markdown.split(/^## /m).slice(1);
  const all = parts.map((part) => [part.slice(0, part.indexOf('\n')), stepsOf(part)] as const);
  return new Map(all.filter(([, steps]) => steps.length > 0));
}

/** All steps as one script, since a reader has one shell for all of a section. `printedBy` takes its output apart. */
export function scriptOf(steps: readonly Step[]): string {
  return steps.map(({ commands }) => `${commands}echo "${END}"\n`).join('');
}

/** What each step printed. */
export function printedBy(output: string): string[] {
  return output.split(`${END}\n`).slice(0, -1);
}

/** Expects what a page says. In it, `…` stands for anything within a line: a name, a time, an age; spaces around it count once. */
export function expectOutput(printed: readonly string[], steps: readonly Step[]): void {
  const expected = steps.map(({ output }, at) => (patternOf(output).test(printed[at] ?? '') ? printed[at] : output));
  expect(printed).toEqual(expected as string[]);
}

function patternOf(output: string): RegExp {
  const escaped = output.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${escaped.replace(/ *… */g, '[^\\n]*')}$`);
}

function stepsOf(section: string): Step[] {
  const boxes = [...section.matchAll(/^```(sh|text)\n(.*?)^```$/gms)];
  return boxes.flatMap(([, kind, commands = ''], at) => {
    const next = boxes[at + 1];
    return kind === 'sh' ? [{ commands, output: next?.[1] === 'text' ? (next[2] ?? '') : '' }] : [];
  });
}
