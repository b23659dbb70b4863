/**
 * The drawing for a terminal, a line a container:
 *
 *     ╭─ outside ─────────────────────╮
 *     │ 203.0.113.1  2001:db8:ffff::1 │
 *     ╰─┬─────────────────────────────╯
 *       │ eth0  203.0.113.2/24  2001:db8:ffff::2/64
 *       ┊ forwards IPv4 and IPv6
 *       │
 *       ╰─┬─ cni0 ────────────────────────────────────╮
 *         │ 10.89.0.1/16  fd00:89::1/64               │
 *         │ pods  mtu 1500  2 containers, masqueraded │
 *         ├───────────────────────────────────────────╯
 *         ├─ veth5160ddf7212 ── shop/web-0  eth0  10.89.0.2/16  fd00:89::2/64  alive
 *         ╰╌ vethfda2a6ceb52 ╌╌ shop/web-1  eth0  10.89.0.3/16  fd00:89::3/64  dead
 */

import type { Style } from '../output/style.ts';
import type { Bridge, Endpoint, Graph } from './model.ts';
import {
  bridgeText,
  countText,
  forwardingText,
  lookOf,
  NO_WAY_OUT,
  PAINT,
  stateText,
  UNATTACHED,
  whoText,
} from './words.ts';

/** A text, and how to paint it. */
interface Span {
  readonly text: string;
  readonly as?: keyof Style;
}

type Line = readonly Span[];

/** What a box looks like where a line of the drawing enters or leaves it. */
interface Corners {
  readonly top: string;
  readonly bottom: string;
}

/** The drawing, every line ended. */
export function graphText(graph: Graph, style: Style): string {
  const { bridges, unattached } = graph;
  const branches = bridges.map(bridgeLines);
  if (unattached.length > 0) branches.push(unattachedLines(unattached));
  const below = branches.flatMap((lines, at) => branch(lines, at === branches.length - 1));
  const lines = [...outsideLines(graph, branches.length > 0), ...below];
  return lines.map((line) => `${painted(line, style).trimEnd()}\n`).join('');
}

function outsideLines(graph: Graph, goesOn: boolean): Line[] {
  const { uplinks } = graph;
  const via = uplinks.flatMap((uplink) => uplink.via).join('  ') || 'on the link';
  const inside: Span = { text: uplinks.length === 0 ? NO_WAY_OUT : via, as: 'cyan' };
  return [
    ...boxed('outside', [[inside]], { top: '╭─', bottom: '╰─┬' }),
    ...uplinks.map(({ interface: name, addresses }): Line => {
      return [dim('  │ '), { text: name, as: 'bold' }, { text: `  ${addresses.join('  ')}`, as: 'cyan' }];
    }),
    [dim(`  ${goesOn ? '┊' : '╵'} ${forwardingText(graph)}`)],
  ];
}

function bridgeLines(bridge: Bridge): Line[] {
  const { name, addresses, networks, containers, otherPorts, link } = bridge;
  const about = [networks.join(', ') || 'no network', bridgeText(bridge), countText(containers)].join('  ');
  const inside: Line[] = [
    [{ text: addresses.join('  ') || 'no address', as: 'cyan' }],
    [link === 'up' ? dim(about) : { text: about, as: 'red' }],
    ...(otherPorts.length === 0 ? [] : [[dim(`other ports: ${otherPorts.join(' ')}`)]]),
  ];
  return [...boxed(name, inside, bracket(containers)), ...containerLines(containers)];
}

function unattachedLines(endpoints: readonly Endpoint[]): Line[] {
  return [...boxed('no bridge', [[dim(UNATTACHED)]], bracket(endpoints)), ...containerLines(endpoints)];
}

function containerLines(containers: readonly Endpoint[]): Line[] {
  const veths = longest(containers, vethText);
  const names = longest(containers, whoText);
  const ifNames = longest(containers, ({ ifName }) => ifName);
  const most = Math.max(0, ...containers.map(({ addresses }) => addresses.length));
  const addresses = Array.from({ length: most }, (_, place) =>
    longest(containers, (one) => one.addresses[place] ?? ''),
  );
  return containers.map((one, at) => {
    const look = lookOf(one);
    const veth = vethText(one);
    const wire = look === 'good' ? '─' : '╌';
    return [
      dim(`${at === containers.length - 1 ? '╰' : '├'}${wire} `),
      look === 'good' ? { text: veth } : { text: veth, as: PAINT[look] },
      dim(` ${wire.repeat(veths - veth.length + 2)} `),
      { text: whoText(one).padEnd(names), as: 'bold' },
      { text: `  ${one.ifName.padEnd(ifNames)}` },
      { text: addresses.map((width, place) => `  ${(one.addresses[place] ?? '').padEnd(width)}`).join(''), as: 'cyan' },
      { text: '  ' },
      { text: stateText(one), as: PAINT[look] },
    ];
  });
}

/** Joins a bridge to the line that comes down from the uplink. */
function branch(lines: readonly Line[], isLast: boolean): Line[] {
  const first = dim(`  ${isLast ? '╰' : '├'}─`);
  const rest = dim(`  ${isLast ? ' ' : '│'} `);
  return [[dim('  │')], ...lines.map((line, at) => [at === 0 ? first : rest, ...line])];
}

function bracket(containers: readonly Endpoint[]): Corners {
  return { top: '┬─', bottom: containers.length === 0 ? '╰─' : '├─' };
}

/** Lines in a box, with its title in the upper edge. */
function boxed(title: string, lines: readonly Line[], { top, bottom }: Corners): Line[] {
  const width = Math.max(title.length + 2, bottom.length - 2, ...lines.map(widthOf));
  return [
    [dim(`${top} `), { text: title, as: 'bold' }, dim(` ${'─'.repeat(width - title.length - 1)}╮`)],
    ...lines.map((line): Line => [dim('│ '), ...line, dim(`${' '.repeat(width - widthOf(line))} │`)]),
    [dim(`${bottom}${'─'.repeat(width + 3 - bottom.length)}╯`)],
  ];
}

function vethText({ hostVeth }: Endpoint): string {
  return hostVeth ?? '?';
}

function longest<T>(all: readonly T[], textOf: (one: T) => string): number {
  return Math.max(0, ...all.map((one) => textOf(one).length));
}

function widthOf(line: Line): number {
  return line.reduce((sum, { text }) => sum + text.length, 0);
}

function dim(text: string): Span {
  return { text, as: 'dim' };
}

/** Names come from outside, and the kernel allows control characters in those of interfaces: none reaches the terminal. */
function painted(line: Line, style: Style): string {
  return line
    .map(({ text, as }) => ({ text: text.replace(/\p{Cc}/gu, ' '), as }))
    .map(({ text, as }) => (as === undefined || text.trim() === '' ? text : style[as](text)))
    .join('');
}
