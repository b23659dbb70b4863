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
  return broken(wordsOf(brief), name, ' '.repeat(name.length));
}

function brokenUsage(line: string): string {
  return broken(wordsOf(line), '  ', ' '.repeat(USAGE_INDENT));
}

/** What is in brackets stays together: a flag with its placeholder, a default. */
function wordsOf(line: string): readonly string[] {
  return line.match(/\[[^\]]*\](?:\.\.\.)?|\S+/g) ?? [];
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
