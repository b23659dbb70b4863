/** The drawing in Mermaid's language, which GitHub and GitLab show in Markdown. */

import { plainText } from '../../fault.ts';
import type { Bridge, Endpoint, Graph } from './model.ts';
import { bridgeText, countText, flawsOf, forwardingText, lookOf, NO_WAY_OUT, UNATTACHED, whoText } from './words.ts';

/** What a label may hold as it is; Mermaid and Markdown give a meaning to much else. */
const PLAIN = /[\p{L}\p{N} .,:/_?-]/u;

/** The drawing as a flowchart, every line ended. */
export function graphMermaid(graph: Graph): string {
  const { uplinks, bridges, unattached } = graph;
  const via = uplinks.length === 0 ? [NO_WAY_OUT] : uplinks.flatMap((uplink) => uplink.via);
  const lines = [
    'flowchart LR',
    `  outside([${label(['outside', ...via])}])`,
    `  host[${label(['node', forwardingText(graph)])}]`,
    ...uplinks.map(({ interface: name, addresses }) => `  outside ---|${label([name, ...addresses])}| host`),
    ...bridges.flatMap(bridgeLines),
    ...unattachedLines(unattached),
    '  classDef bad stroke:#c62828,stroke-dasharray:4',
    '  classDef doubtful stroke:#b26a00,stroke-dasharray:4',
  ];
  return `${lines.join('\n')}\n`;
}

function bridgeLines(bridge: Bridge, at: number): string[] {
  const { name, addresses, networks, containers, otherPorts } = bridge;
  const id = `bridge${at}`;
  const others = otherPorts.length === 0 ? [] : [`other ports: ${otherPorts.join(' ')}`];
  const text = [name, networks.join(', '), ...addresses, bridgeText(bridge), countText(containers), ...others];
  return [
    `  ${id}[[${label(text)}]]`,
    `  host --- ${id}`,
    ...containers.flatMap((one, place) => {
      const wire = lookOf(one) === 'good' ? '---' : '-.-';
      const port = one.hostVeth === undefined ? '' : `|${label([one.hostVeth])}|`;
      return [endpointLine(one, `${id}c${place}`), `  ${id} ${wire}${port} ${id}c${place}`];
    }),
  ];
}

function unattachedLines(endpoints: readonly Endpoint[]): string[] {
  if (endpoints.length === 0) return [];
  const own = endpoints.map((one, at) => `  ${endpointLine(one, `unattached${at}`)}`);
  return [`  subgraph unattached [${label([UNATTACHED])}]`, ...own, '  end'];
}

function endpointLine(one: Endpoint, id: string): string {
  const look = lookOf(one);
  const text = [whoText(one), one.ifName, ...one.addresses, flawsOf(one).join(', ')];
  return `  ${id}[${label(text)}]${look === 'good' ? '' : `:::${look}`}`;
}

/** Lines as a quoted label: every character that may mean something is an entity, which Mermaid writes `#35;`. */
function label(lines: readonly string[]): string {
  const shown = lines.filter((line) => line !== '').map((line) => [...plainText(line)].map(entity).join(''));
  return `"${shown.join('<br/>')}"`;
}

function entity(character: string): string {
  return PLAIN.test(character) ? character : `#${character.codePointAt(0)};`;
}
