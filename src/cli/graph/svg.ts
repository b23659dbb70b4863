/**
 * The drawing for a browser: on top the outside and the node, below them a panel for each bridge, and in a panel a card for
 * each container, in as many columns as fit. A wire goes from the bridge down beside each column, and from it to each card.
 */

import type { Bridge, Endpoint, Graph } from './model.ts';
import { box, cut, dot, fitting, group, type Place, svg, widthOf, wire, write } from './svg-elements.ts';
import { bridgeText, countText, flawsOf, forwardingText, lookOf, NO_WAY_OUT, UNATTACHED, whoText } from './words.ts';

const MARGIN = 32;
/** Where the wire from the node to the bridges goes down, in the left margin. */
const TRUNK = 16;
/** Between a panel's edge and what is in it. */
const PADDING = 16;
/** The most that all columns take. */
const MOST_WIDTH = 1360;
const LEAST_WIDTH = 720;
const LINE = 16;
/** The size of a card's last line, the port and what is off, which may be long. */
const SMALL = 11;
const CARD = { least: 190, most: 330, height: 76, gap: 12 } as const;
/** Beside each column, for its wire. */
const GUTTER = 20;
/** Between boxes, one below the other. */
const SPACE = 20;
/** The upper edges of the outside and of the node. */
const OUTSIDE = 60;
const NODE = 138;
const TITLE = 'The networks of this node';

/** A part of the drawing, and where it ends. */
interface Part {
  readonly elements: readonly string[];
  readonly bottom: number;
}

/** What all panels have in common. */
interface Grid {
  readonly columns: number;
  readonly card: number;
  /** Of a panel. */
  readonly width: number;
}

/** What a panel shows above its cards. */
interface Heading {
  readonly title: string;
  readonly lines: readonly string[];
  /** Containers hang on it. */
  readonly isBridge: boolean;
  readonly isWell: boolean;
}

/** The drawing as an SVG document. */
export function graphSvg(graph: Graph): string {
  const { bridges, unattached } = graph;
  const grid = gridFor([...bridges.map(({ containers }) => containers), unattached]);
  const top = outsideAndNode(graph, grid);
  const elements = [...top.elements];
  let bottom = top.bottom;
  for (const bridge of bridges) {
    const joint = bottom + SPACE + 20;
    const panel = panelAt(bottom + SPACE, headingOf(bridge), bridge.containers, grid);
    elements.push(wire(trunkTo(joint), 'wire', 2), ...panel.elements);
    bottom = panel.bottom;
  }
  if (unattached.length > 0) {
    const panel = panelAt(
      bottom + SPACE,
      { title: 'no bridge', lines: [UNATTACHED], isBridge: false, isWell: false },
      unattached,
      grid,
    );
    elements.push(...panel.elements);
    bottom = panel.bottom;
  }
  return svg(grid.width + 2 * MARGIN, bottom + MARGIN, TITLE, elements);
}

/** From the node's left edge to a bridge's. */
function trunkTo(y: number): string {
  return `M${MARGIN} ${NODE + 20}H${TRUNK}V${y}H${MARGIN}`;
}

/** As many columns as fit, all cards as wide as the widest text needs. */
function gridFor(panels: readonly (readonly Endpoint[])[]): Grid {
  const needed = panels.flat().flatMap((one) => cardLines(one).map((text, at) => widthOf(text) + 4 + besidesOf(at)));
  const card = Math.min(CARD.most, Math.max(CARD.least, ...needed));
  const pitch = card + GUTTER + CARD.gap;
  const most = Math.max(1, ...panels.map(({ length }) => length));
  const columns = Math.min(most, Math.max(1, Math.floor((MOST_WIDTH - 2 * PADDING) / pitch)));
  return { columns, card, width: Math.max(LEAST_WIDTH, columns * pitch - CARD.gap + 2 * PADDING) };
}

function outsideAndNode(graph: Graph, { width }: Grid): Part {
  const { uplinks } = graph;
  const fit = fitting(width - 2 * PADDING);
  const x = MARGIN + PADDING;
  const via = uplinks.flatMap((uplink) => uplink.via).join('  ');
  const outside = {
    x: MARGIN,
    y: OUTSIDE,
    width: Math.min(width, Math.max(240, widthOf(via) + 2 * PADDING)),
    height: 50,
  };
  const lines = uplinks.map(({ interface: name, addresses }) => `${name}  ${addresses.join('  ')}`);
  const node = { x: MARGIN, y: NODE, width, height: 50 + LINE * lines.length };
  const elements = [
    write({ x: MARGIN, y: 36 }, TITLE, { size: 20, isBold: true }),
    wire(`M${x} ${OUTSIDE + outside.height}V${NODE}`, 'wire', 2, uplinks.length === 0),
    box(outside, 'panel'),
    write({ x, y: OUTSIDE + 20 }, 'outside', { isBold: true, size: 14 }),
    write({ x, y: OUTSIDE + 38 }, cut(uplinks.length === 0 ? NO_WAY_OUT : via || 'on the link', fit), {
      colour: 'muted',
    }),
    box(node, 'panel'),
    write({ x, y: NODE + 20 }, 'node', { isBold: true, size: 14 }),
    ...lines.map((line, at) => write({ x, y: NODE + 38 + LINE * at }, cut(line, fit), { colour: 'address' })),
    write({ x, y: NODE + 38 + LINE * lines.length }, forwardingText(graph), { colour: 'muted' }),
  ];
  return { elements, bottom: node.y + node.height };
}

function headingOf(bridge: Bridge): Heading {
  const { name, addresses, networks, containers, otherPorts, link } = bridge;
  const about = [networks.join(', ') || 'no network', bridgeText(bridge), countText(containers)].join('   ');
  const others = otherPorts.length === 0 ? [] : [`other ports: ${otherPorts.join(' ')}`];
  return {
    title: name,
    lines: [addresses.join('  ') || 'no address', about, ...others],
    isBridge: true,
    isWell: link === 'up',
  };
}

function panelAt(
  y: number,
  { title, lines, isBridge, isWell }: Heading,
  containers: readonly Endpoint[],
  grid: Grid,
): Part {
  const { columns, card, width } = grid;
  const x = MARGIN + PADDING;
  const fit = fitting(width - 2 * PADDING);
  const bus = y + 34 + LINE * lines.length + 4;
  const first = bus + 20;
  const pitch = CARD.height + CARD.gap;
  const rows = Math.ceil(containers.length / columns);
  const bottom = rows === 0 ? bus + PADDING : first + rows * pitch - CARD.gap + PADDING;
  const railOf = (column: number) => x + column * (card + GUTTER + CARD.gap) + 6;
  const placeOf = (at: number) => ({
    x: railOf(at % columns) + GUTTER - 6,
    y: first + Math.floor(at / columns) * pitch,
  });
  const rails = Array.from({ length: Math.min(columns, containers.length) }, (_, column) => {
    const below = Math.floor((containers.length - 1 - column) / columns);
    const end = first + below * pitch + CARD.height / 2;
    return wire(`M${railOf(column)} ${bus}V${end}`);
  });
  const elements = [
    box({ x: MARGIN, y, width, height: bottom - y }, 'panel', isWell ? 'edge' : 'doubtful'),
    write({ x, y: y + 24 }, cut(title, fitting(width - 2 * PADDING, 16)), { size: 16, isBold: true, colour: 'bridge' }),
    ...lines.map((line, at) =>
      write({ x, y: y + 44 + LINE * at }, cut(line, fit), { colour: at === 0 && isBridge ? 'address' : 'muted' }),
    ),
    ...(isBridge
      ? [...rails, wire(`M${x} ${bus}H${MARGIN + width - PADDING}`, isWell ? 'bridge' : 'doubtful', 4)]
      : []),
    ...containers.map((one, at) => cardAt(placeOf(at), one, card, isBridge)),
  ];
  return { elements, bottom };
}

function cardAt({ x, y }: Place, one: Endpoint, width: number, isWired: boolean): string {
  const look = lookOf(one);
  const isWell = look === 'good';
  const middle = y + CARD.height / 2;
  const [who = '', first = '', second = '', last = ''] = cardLines(one).map((line, at) =>
    cut(line, fitting(width - besidesOf(at), at === 3 ? SMALL : undefined)),
  );
  return group(tooltip(one), [
    isWired ? wire(`M${x - GUTTER + 6} ${middle}H${x}`, isWell ? 'wire' : look, 1.5, !isWell) : '',
    box({ x, y, width, height: CARD.height }, 'card', isWell ? 'edge' : look, !isWell),
    dot({ x: x + width - 12, y: y + 13 }, 4, look),
    write({ x: x + 10, y: y + 18 }, who, { isBold: true }),
    write({ x: x + 10, y: y + 34 }, first, { colour: 'address' }),
    write({ x: x + 10, y: y + 50 }, second, { colour: 'address' }),
    write({ x: x + 10, y: y + 66 }, last, { colour: isWell ? 'muted' : look, size: SMALL }),
  ]);
}

/** What a card has beside its line of that number: its edges, and on the first line the dot. */
function besidesOf(line: number): number {
  return line === 0 ? 36 : 24;
}

/** Who; interface and first address; the second one, and how many more; the port, and what is off. */
function cardLines(one: Endpoint): string[] {
  const { ifName, addresses, hostVeth } = one;
  const [first = 'no address', second, ...more] = addresses;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  const indent = ' '.repeat(ifName.length + 2);
  return [
    whoText(one),
    `${ifName}  ${first}`,
    second === undefined ? '' : `${indent}${second}${others}`,
    [hostVeth ?? '', ...flawsOf(one)].filter((text) => text !== '').join(', '),
  ];
}

function tooltip({ network, containerId, pod, addresses, hostVeth, state, evidence }: Endpoint): string {
  const known = [pod === undefined ? '' : `pod ${pod}`, `container ${containerId}`, `network ${network}`];
  const rest = [addresses.join(' '), hostVeth ?? '', `${state}: ${evidence}`];
  return [...known, ...rest].filter((text) => text !== '').join(', ');
}
