/** Changes to a text that keep its formatting, and what they change as a unified diff. */

/** Replaces the characters from `start` to `end`, which are on one line, by a text of one line. */
export interface TextEdit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** A run of lines, numbered from 0, in which lines change. */
interface Hunk {
  first: number;
  last: number;
}

/** The lines around a change that a hunk shows. */
const CONTEXT = 3;

/** The text with the edits made. Of edits of the same place, the first counts. */
export function edited(text: string, edits: readonly TextEdit[]): string {
  let result = text;
  let before = Number.POSITIVE_INFINITY;
  for (const { start, end, text: replacement } of [...edits].sort((a, b) => b.start - a.start)) {
    if (end > before) continue;
    result = result.slice(0, start) + replacement + result.slice(end);
    before = start;
  }
  return result;
}

/**
 * What the edits change in a file, as `diff -u` and `patch` write and read it; empty where nothing changes. No edit adds or removes
 * a line, so that the old and the new line have the same number.
 */
export function unifiedDiff(file: string, before: string, after: string): string {
  const [old, now] = [before.split('\n'), after.split('\n')];
  const hunks = hunksOf(old, now);
  if (hunks.length === 0) return '';
  const body = hunks.map((hunk) => hunkText(hunk, old, now, before.endsWith('\n')));
  return `--- ${file}\n+++ ${file}\n${body.join('')}`;
}

function hunksOf(old: readonly string[], now: readonly string[]): Hunk[] {
  const most = old.length - 1;
  const hunks: Hunk[] = [];
  for (const [at, line] of old.entries()) {
    if (line === now[at]) continue;
    const [first, last] = [Math.max(0, at - CONTEXT), Math.min(most, at + CONTEXT)];
    const previous = hunks.at(-1);
    if (previous !== undefined && first <= previous.last + 1) previous.last = last;
    else hunks.push({ first, last });
  }
  return hunks;
}

function hunkText({ first, last }: Hunk, old: readonly string[], now: readonly string[], isEnded: boolean): string {
  // The text after the last line break is no line where it is empty.
  const end = isEnded && last === old.length - 1 ? last - 1 : last;
  const lines: string[] = [];
  for (let at = first; at <= end; ) {
    if (old[at] === now[at]) {
      lines.push(` ${old[at]}`, ...endMark(at, old, isEnded));
      at++;
      continue;
    }
    const start = at;
    while (at <= end && old[at] !== now[at]) at++;
    for (let one = start; one < at; one++) lines.push(`-${old[one]}`, ...endMark(one, old, isEnded));
    for (let one = start; one < at; one++) lines.push(`+${now[one]}`, ...endMark(one, old, isEnded));
  }
  const range = `${first + 1},${end - first + 1}`;
  return `@@ -${range} +${range} @@\n${lines.map((line) => `${line}\n`).join('')}`;
}

/** What `diff` says behind the last line of a file that does not end in a line break. */
function endMark(at: number, old: readonly string[], isEnded: boolean): string[] {
  return !isEnded && at === old.length - 1 ? ['\\ No newline at end of file'] : [];
}
