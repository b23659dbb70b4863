/** Breaks text into lines that fit a terminal. */

const WIDTH = 88;

/**
 * Breaks each paragraph, which is a line of the text, between words, so that no line is longer than `width`, except for words
 * that are. An indented paragraph stays as it is.
 */
export function wrapped(text: string, width = WIDTH): string {
  return text
    .split('\n')
    .map((paragraph) => (paragraph.startsWith(' ') ? paragraph : brokenUp(paragraph, width)))
    .join('\n');
}

function brokenUp(paragraph: string, width: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of paragraph.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}
