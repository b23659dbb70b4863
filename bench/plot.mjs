// Line plots as SVG, written by hand: panels side by side, x logarithmic with a place for 0, y linear from 0. It follows
// the reader's preference for light or dark.

const PANEL = { width: 330, height: 240, gap: 100 };
const MARGIN = { top: 64, right: 64, bottom: 60, left: 64 };
/** Of the figures at the ends of the lines. */
const LABEL = { height: 13, gap: 8 };
const LEGEND_STEP = 190;

/** Colours of the series, the last of which is ours wherever there are four. */
const SERIES = [
  { light: '#bc4c00', dark: '#f0883e' },
  { light: '#0969da', dark: '#58a6ff' },
  { light: '#8250df', dark: '#bc8cff' },
  { light: '#1a7f37', dark: '#3fb950' },
];

const seriesStyle = (i, colour) => `  .line${i} { stroke: ${colour} } .fill${i} { fill: ${colour} }\n`;

const STYLE = `
  .back { fill: #ffffff } .text { fill: #1f2328 } .quiet { fill: #59636e } .grid { stroke: #d1d9e0 }
${SERIES.map(({ light }, i) => seriesStyle(i, light)).join('')}
  @media (prefers-color-scheme: dark) {
    .back { fill: #0d1117 } .text { fill: #f0f6fc } .quiet { fill: #9198a1 } .grid { stroke: #3d444d }
${SERIES.map(({ dark }, i) => seriesStyle(i, dark)).join('')}
  }
  text { font: 12px system-ui, sans-serif } .title { font-size: 14px; font-weight: 600 }
  path { fill: none; stroke-width: 2; stroke-linejoin: round } .grid { stroke-width: 1 }`;

/**
 * Draws panels `{ title, series: [{ name, points: [[x, y], …] }] }`, which share their axes.
 * @returns the SVG as text
 */
export function plot({ panels, xTitle, yTitle }) {
  const width = MARGIN.left + panels.length * (PANEL.width + PANEL.gap) - PANEL.gap + MARGIN.right;
  const height = MARGIN.top + PANEL.height + MARGIN.bottom;
  const points = panels.flatMap(({ series }) => series.flatMap((one) => one.points));
  const scales = { x: xScale(points.map(([x]) => x)), y: yScale(points.map(([, y]) => y)) };
  const drawn = panels.map((panel, i) => {
    const at = `translate(${MARGIN.left + i * (PANEL.width + PANEL.gap)} ${MARGIN.top})`;
    return `<g transform="${at}">${drawPanel(panel, scales, { xTitle, yTitle })}</g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${yTitle} by ${xTitle}">
<style>${STYLE}</style>
<rect class="back" width="${width}" height="${height}" rx="8"/>
${legend(panels[0].series)}
${drawn.join('\n')}
</svg>
`;
}

/** 0 has no logarithm: it stands as far left of the smallest number as that is of ten times itself. */
function xScale(values) {
  const ticks = [...new Set(values)].toSorted((a, b) => a - b);
  const smallest = Math.log10(ticks.find((x) => x > 0) ?? 1);
  const place = (x) => (x === 0 ? smallest - 1 : Math.log10(x));
  const [low, high] = [place(ticks[0]), place(ticks.at(-1))];
  return { ticks, at: (x) => round(((place(x) - low) / (high - low || 1)) * PANEL.width) };
}

/** Round steps, at most seven of them. */
function yScale(values) {
  const highest = Math.max(...values);
  const power = 10 ** Math.floor(Math.log10(highest));
  const step = [0.1, 0.2, 0.5, 1, 2].map((factor) => factor * power).find((size) => highest / size <= 6);
  const top = Math.ceil(highest / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, i) => i * step);
  return { ticks, at: (y) => round(PANEL.height - (y / top) * PANEL.height) };
}

function drawPanel({ title, series }, { x, y }, { xTitle, yTitle }) {
  return [
    text(title, { x: 0, y: -14, className: 'text title' }),
    text(yTitle, { x: PANEL.width, y: -14, anchor: 'end' }),
    ...y.ticks.map((value) => gridLine(value, y.at(value))),
    ...x.ticks.map((value) =>
      text(value.toLocaleString('en'), { x: x.at(value), y: PANEL.height + 20, anchor: 'middle' }),
    ),
    text(xTitle, { x: PANEL.width / 2, y: PANEL.height + 42, anchor: 'middle' }),
    ...series.map(({ points }, i) => curve(points, i, { x, y })),
    ...lastFigures(series, { x, y }),
  ].join('\n');
}

function gridLine(value, y) {
  const line = `<path class="grid" d="M0 ${y}H${PANEL.width}"/>`;
  return line + text(value.toLocaleString('en'), { x: -10, y: y + 4, anchor: 'end' });
}

/** The line and its points. */
function curve(points, i, { x, y }) {
  const places = points.map(([px, py]) => [x.at(px), y.at(py)]);
  const line = `<path class="line${i}" d="M${places.map((place) => place.join(' ')).join('L')}"/>`;
  const dots = places.map(([cx, cy]) => `<circle class="fill${i}" cx="${cx}" cy="${cy}" r="3.5"/>`);
  return line + dots.join('');
}

/** The figure at the last point of each line, the lowest where it belongs and the others above one another. */
function lastFigures(series, { x, y }) {
  const last = series.map(({ points }, i) => ({ i, x: x.at(points.at(-1)[0]), value: points.at(-1)[1] }));
  let above = PANEL.height + LABEL.height;
  return last
    .toSorted((a, b) => a.value - b.value)
    .map((figure) => {
      above = Math.min(y.at(figure.value) + 4, above - LABEL.height);
      const shown = Math.round(figure.value).toLocaleString('en');
      return text(shown, { x: figure.x + LABEL.gap, y: round(above), className: `fill${figure.i}` });
    });
}

function legend(series) {
  const entries = series.map(({ name }, i) => {
    const x = MARGIN.left + i * LEGEND_STEP;
    return `<circle class="fill${i}" cx="${x + 4}" cy="22" r="4"/>${text(name, { x: x + 14, y: 26, className: 'text' })}`;
  });
  return entries.join('');
}

function text(content, { x, y, anchor = 'start', className = 'quiet' }) {
  return `<text class="${className}" x="${x}" y="${y}" text-anchor="${anchor}">${content}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
