/** Text for man(7): macros, and text that no formatter takes for a request. */

import { wrapped } from '../output/wrap.ts';

/** The most characters of a line. */
const LINE = 76;
/** Of the last change to what this page says beyond the descriptions of the commands. */
const DATE = '2026-11-26';

/** Text in which no formatter sees anything else than text: backslashes, leading control characters and minus signs are escaped. */
export function escaped(text: string): string {
  return text
    .replace(/\\/g, '\\e')
    .replace(/-/g, '\\-')
    .replace(/~/g, '\\(ti')
    .replace(/\^/g, '\\(ha')
    .replace(/`/g, '\\(ga')
    .replace(/'/g, '\\(aq')
    .replace(/"/g, '\\(dq')
    .replace(/^\./gm, '\\&.');
}

/** Running text, in lines that `mandoc -T lint` does not find too long. */
export function running(text: string): string {
  // A line must not begin with a period, which only shows when the lines are broken.
  return wrapped(escaped(text.replace(/\s+/g, ' ').trim()), LINE).replace(/^\./gm, '\\&.');
}

/** Bold text inside a line. */
export function bold(text: string): string {
  return `\\fB${escaped(text)}\\fR`;
}

/** A placeholder inside a line. */
export function italic(text: string): string {
  return `\\fI${escaped(text)}\\fR`;
}

/** The head of a page. */
export function title(name: string, section: number, source: string): string {
  return `.TH ${name.toUpperCase()} ${section} "${DATE}" "${escaped(source)}"\n`;
}

export function section(name: string): string {
  return `.SH ${quotedName(name)}\n`;
}

export function subsection(name: string): string {
  return `.SS ${quotedName(name)}\n`;
}

/** A term, which is roff already, with its explanation below it. */
export function entry(term: string, explanation: string): string {
  return `.TP\n${term}\n${running(explanation)}\n`;
}

/** Paragraphs of a plain text, a line each or separated by empty lines; indented lines are shown as they are. */
export function paragraphs(text: string): string {
  const blocks: string[] = [];
  let example: string[] = [];
  const endExample = () => {
    if (example.length > 0) blocks.push(`.PP\n.EX\n${example.map((line) => `${escaped(line)}\n`).join('')}.EE\n`);
    example = [];
  };
  for (const paragraph of text.split(/\n\n+/)) {
    const lines = paragraph.split('\n').filter((line) => line.trim() !== '');
    const isExample = lines.length > 0 && lines.every((line) => line.startsWith(' '));
    if (isExample) {
      example.push(...lines);
      continue;
    }
    endExample();
    if (lines.length > 0) blocks.push(`.PP\n${running(lines.join(' '))}\n`);
  }
  endExample();
  // The first paragraph follows its heading directly: .PP there is one that formatters complain of.
  return blocks.join('').replace(/^\.PP\n/, '');
}

function quotedName(name: string): string {
  return `"${escaped(name)}"`;
}
