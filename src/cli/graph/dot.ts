/** The drawing in Graphviz's language: `trestle graph --dot | dot -Tsvg`. */

import { plainText } from '../../fault.ts';
import type { Bridge, Endpoint, Graph } from './model.ts';
import { bridgeText, countText, flawsOf, forwardingText, lookOf, NO_WAY_OUT, UNATTACHED, whoText } from './words.ts';

const COLOURS = { good: '#2e7d32', bad: '#c62828', doubtful: '#b26a00' } as const;

/** The drawing as a program of dot, every line ended. */
export function graphDot(graph: Graph): string {
  const { uplinks, bridges, unattached } = graph;
  const lines = [
    'graph trestle {',
    '  rankdir=LR',
    '  node [shape=box, style=rounded, fontname="monospace", fontsize=10]',
    '  edge [fontname="monospace", fontsize=9]',
    node('outside', ['outside', ...uplinks.flatMap(({ via }) => via), ...(uplinks.length === 0 ? [NO_WAY_OUT] : [])]),
    node('host', ['node', forwardingText(graph)]),
    ...uplinks.map(({ interface: name, addresses }) => edge('outside', 'host', [name, ...addresses])),
    ...bridges.flatMap(bridgeLines),
    ...unattached.flatMap((one, at) => endpointLines(one, `unattached_${at}`)),
    ...(unattached.length === 0 ? [] : [`  label=${quoted([`${unattached.length} without a bridge: ${UNATTACHED}`])}`]),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function bridgeLines(bridge: Bridge, at: number): string[] {
  const { name, addresses, networks, containers, otherPorts } = bridge;
  const id = `bridge_${at}`;
  const text = [name, networks.join(', '), ...addresses, bridgeText(bridge), countText(containers)];
  return [
    node(id, [...text, ...(otherPorts.length === 0 ? [] : [`other ports: ${otherPorts.join(' ')}`])], 'penwidth=2'),
    edge('host', id, []),
    ...containers.flatMap((one, place) => {
      const own = `${id}_${place}`;
      const style = lookOf(one) === 'good' ? '' : `style=dashed, color="${COLOURS[lookOf(one)]}"`;
      return [...endpointLines(one, own), edge(id, own, [one.hostVeth ?? ''], style)];
    }),
  ];
}

function endpointLines(one: Endpoint, id: string): string[] {
  const text = [whoText(one), one.ifName, ...one.addresses, flawsOf(one).join(', ')];
  return [node(id, text, `color="${COLOURS[lookOf(one)]}"`)];
}

function node(id: string, text: readonly string[], more = ''): string {
  return `  ${id} [label=${quoted(text)}${more === '' ? '' : `, ${more}`}]`;
}

function edge(from: string, to: string, text: readonly string[], more = ''): string {
  const attributes = [...(text.join('') === '' ? [] : [`label=${quoted(text)}`]), ...(more === '' ? [] : [more])];
  return `  ${from} -- ${to}${attributes.length === 0 ? '' : ` [${attributes.join(', ')}]`}`;
}

/**
 * Lines as a quoted string. In it a backslash begins an escape (`\N` is the node's name), and Graphviz decodes entities of HTML.
 */
function quoted(lines: readonly string[]): string {
  const shown = lines.filter((line) => line !== '').map((line) => plainText(line));
  const escaped = shown.map((line) => line.replaceAll('&', '&amp;').replaceAll('\\', '\\\\').replaceAll('"', '\\"'));
  return `"${escaped.join('\\n')}"`;
}
