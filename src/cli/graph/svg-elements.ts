/** The elements of an SVG drawing: escaped text, shapes, and the colours for light and dark. */

/** The width of a character of a monospaced font at 1 px; fonts have 0.55 to 0.602. */
const CHARACTER = 0.61;

/** What has a colour, and its colours in the light and in the dark. */
const COLOURS = {
  page: ['#ffffff', '#0d1117'],
  panel: ['#f6f8fa', '#151b23'],
  card: ['#ffffff', '#0d1117'],
  edge: ['#d1d9e0', '#3d444d'],
  wire: ['#818b98', '#656c76'],
  text: ['#1f2328', '#f0f6fc'],
  muted: ['#59636e', '#9198a1'],
  address: ['#0969da', '#4493f8'],
  bridge: ['#8250df', '#ab7df8'],
  good: ['#1a7f37', '#3fb950'],
  bad: ['#d1242f', '#f85149'],
  doubtful: ['#9a6700', '#d29922'],
} as const;

type Colour = keyof typeof COLOURS;

export interface Place {
  readonly x: number;
  readonly y: number;
}

interface Box extends Place {
  readonly width: number;
  readonly height: number;
}

interface Look {
  readonly colour?: Colour;
  /** In px; 12 unless given. */
  readonly size?: number;
  readonly isBold?: boolean;
}

/** How many characters of a size fit a width, both in px. */
export function fitting(width: number, size = 12): number {
  return Math.floor(width / (CHARACTER * size));
}

/** The width of a text in px, generously. */
export function widthOf(text: string, size = 12): number {
  return Math.ceil(columnsOf(text) * CHARACTER * size);
}

/** The text cut to so many columns, `…` at its end. Characters of East Asian scripts and emoji take two. */
export function cut(text: string, most: number): string {
  if (columnsOf(text) <= most) return text;
  let kept = '';
  let columns = 1; // of the …
  for (const character of text) {
    columns += columnsOf(character);
    if (columns > most) break;
    kept += character;
  }
  return `${kept}…`;
}

/** Text for an element or an attribute, without control characters and what else XML 1.0 does not allow. */
export function escaped(text: string): string {
  return text
    .replace(/\p{Cc}/gu, ' ')
    .replace(/[\ufffe\uffff]|\p{Cs}/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** A line of text, its base line at `y`. */
export function write(
  { x, y }: Place,
  text: string,
  { colour = 'text', size = 12, isBold = false }: Look = {},
): string {
  if (text === '') return '';
  const attributes = `${isBold ? ' font-weight="bold"' : ''}${size === 12 ? '' : ` font-size="${size}"`}`;
  return `<text x="${x}" y="${y}" class="${colour}"${attributes}>${escaped(text)}</text>`;
}

/** A box with round corners. `outline` is the colour of its edge. */
export function box({ x, y, width, height }: Box, inside: Colour, outline: Colour = 'edge', isDashed = false): string {
  const place = `x="${x}" y="${y}" width="${width}" height="${height}" rx="6"`;
  return `<rect ${place} class="${inside} o-${outline}"${isDashed ? ' stroke-dasharray="4 3"' : ''}/>`;
}

/** A full circle. */
export function dot({ x, y }: Place, radius: number, colour: Colour): string {
  return `<circle cx="${x}" cy="${y}" r="${radius}" class="${colour}"/>`;
}

/** A line along path data, as `M40 10V90`. */
export function wire(path: string, colour: Colour = 'wire', width = 1.5, isDashed = false): string {
  const dashes = isDashed ? ' stroke-dasharray="4 3"' : '';
  return `<path d="${path}" fill="none" class="o-${colour}" stroke-width="${width}"${dashes}/>`;
}

/** Elements that belong together; `title` is what a browser shows under the pointer. */
export function group(title: string, elements: readonly string[]): string {
  return `<g><title>${escaped(title)}</title>${elements.join('')}</g>`;
}

/** The document. */
export function svg(width: number, height: number, title: string, elements: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"`;
  const font = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace";
  const style = `svg { font: 12px ${font} }\ntext { white-space: pre }\n${rules(0)}\n@media (prefers-color-scheme: dark) {\n${rules(1)}\n}`;
  const page = `<rect width="${width}" height="${height}" class="page"/>`;
  const body = elements.filter((element) => element !== '').join('\n');
  return `${head}>\n<title>${escaped(title)}</title>\n<style>\n${style}\n</style>\n${page}\n${body}\n</svg>\n`;
}

function rules(scheme: 0 | 1): string {
  return Object.entries(COLOURS)
    .map(([name, pair]) => `.${name} { fill: ${pair[scheme]} } .o-${name} { stroke: ${pair[scheme]} }`)
    .join('\n');
}

function columnsOf(text: string): number {
  let columns = 0;
  for (const character of text) columns += (character.codePointAt(0) as number) < 0x1100 ? 1 : 2;
  return columns;
}
