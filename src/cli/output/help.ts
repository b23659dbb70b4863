/** Help texts in lines that fit a terminal: the library that formats them breaks none. */

const WIDTH = 100;
/** The indentation of what follows the first line of a usage. */
const USAGE_INDENT = 6;

/** The text with its usages and its tables of flags broken between words where they are too long. */
export function fittingHelp(text: string): string {
  return text.split('\n').map(fittingLine).join('\n');
}

function fittingLine(line: string): string {
  if (line.length <= WIDTH) return line;
  if (/^ {2}\w+ /.test(line) && line.includes('[')) return brokenUsage(line);
  const [, name, brief] = /^((?: {2}-\w| {4}) +\S+ {2,}|\S+ {2,}| {2}\S+ {2,})(.*)$/.exec(line) ?? [];
  if (name === undefined || brief === undefined) return line;
  return broken(brief.replace(/ {2,}/g, '  ').split(' '), name, ' '.repeat(name.length));
}

/** A flag and the placeholder of its value stay together. */
function brokenUsage(line: string): string {
  const words = line.trim().match(/\[[^\]]*\](?:\.\.\.)?|\S+/g) ?? [];
  return broken(words, '  ', ' '.repeat(USAGE_INDENT));
}

function broken(words: readonly string[], beginning: string, indent: string): string {
  const lines: string[] = [];
  let line = beginning;
  for (const word of words) {
    const isFirst = line.trim() === '' || line === beginning;
    if (!isFirst && line.length + 1 + word.length > WIDTH) {
      lines.push(line.trimEnd());
      line = `${indent}${word}`;
    } else line = isFirst ? `${line}${word}` : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
