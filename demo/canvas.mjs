// A sheet of characters to draw on with box-drawing characters, each character in a style.

import { paint } from '../tools/screen.mjs';

const CORNERS = { round: '╭╮╰╯', square: '┌┐└┘' };

/** An empty canvas. @returns `text(x, y, string, style)`, `box(frame)`, `column(x, top, bottom)` and `lines()`. */
export function openCanvas(width, height) {
  const rows = Array.from({ length: height }, () => Array.from({ length: width }, () => ({ char: ' ', style: '' })));
  const text = (x, y, string, style = '') => {
    for (const [i, char] of [...string].entries()) if (rows[y]?.[x + i]) rows[y][x + i] = { char, style };
  };
  return {
    text,
    box: (frame) => drawBox(text, frame),
    column: (x, top, bottom, style) => {
      for (let y = top; y <= bottom; y += 1) text(x, y, '│', style);
    },
    lines: () => rows.map(rendered),
  };
}

/** Frame: `{ x, y, width, height, title, corners, style }`. */
function drawBox(text, { x, y, width, height, title, corners = 'round', style = 'dim' }) {
  const [topLeft, topRight, bottomLeft, bottomRight] = CORNERS[corners];
  const bottom = y + height - 1;
  text(x, y, topLeft + '─'.repeat(width - 2) + topRight, style);
  for (let row = y + 1; row < bottom; row += 1) {
    text(x, row, '│', style);
    text(x + width - 1, row, '│', style);
  }
  text(x, bottom, bottomLeft + '─'.repeat(width - 2) + bottomRight, style);
  if (title) text(x + 2, y, ` ${title} `, 'bold');
}

/** Neighbours of one style are painted together. */
function rendered(row) {
  const runs = [];
  for (const { char, style } of row) {
    const last = runs.at(-1);
    if (last?.style === style) last.text += char;
    else runs.push({ style, text: char });
  }
  return runs
    .map(({ style, text }) => paint(style, text))
    .join('')
    .trimEnd();
}
