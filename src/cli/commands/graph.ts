/** `trestle graph`: the networks of the node, drawn. */

import { withNode } from '../../resources/node.ts';
import { defineCommand, HEALTHY, misuse } from '../context.ts';
import { type JsonFlag, jsonFlag, type NetworkFlag, networkFlag, type PlaceFlags, placeFlags } from '../flags.ts';
import { graphDot } from '../graph/dot.ts';
import { graphMermaid } from '../graph/mermaid.ts';
import { drawGraph, type Endpoint, type Graph } from '../graph/model.ts';
import { surroundingsOf } from '../graph/surroundings.ts';
import { graphSvg } from '../graph/svg.ts';
import { graphText } from '../graph/text.ts';
import { takeInventory } from '../inventory/inventory.ts';
import { writeJson } from '../output/json.ts';
import { styleFor } from '../output/style.ts';

const FORMATS = ['svg', 'dot', 'mermaid', 'json'] as const;

type Format = (typeof FORMATS)[number];
type Flags = JsonFlag & PlaceFlags & NetworkFlag & { readonly [format in Format]?: boolean };

export const graph = defineCommand<Flags>({
  brief: 'Draw the networks of this node',
  description:
    'Draws the way outside, the bridges with the addresses that are the containers\' gateways, their ports, and the container behind each port with its interface and addresses. What is dead, unknown, cut off or not masqueraded is marked; "trestle show" says why. Without a format it draws text.',
  parameters: {
    flags: {
      ...networkFlag,
      svg: formatFlag('SVG, for a browser'),
      dot: formatFlag("Graphviz's language"),
      mermaid: formatFlag("Mermaid's language, for Markdown"),
      ...jsonFlag,
      ...placeFlags,
    },
  },
  run({ terminal, variables, log }, { network, ...flags }) {
    const [format, another] = FORMATS.filter((one) => flags[one] === true);
    if (another !== undefined) throw misuse(`graph takes one format, not --${format} and --${another}`);
    const drawn = withNode(variables.PATH ?? '', log, (node) => {
      const inventory = takeInventory(node, flags, network);
      return drawGraph(inventory, surroundingsOf(node, inventory), network);
    });
    if (format === 'json') writeJson(terminal, graphJson(drawn));
    else if (format === 'svg') terminal.write(graphSvg(drawn));
    else if (format === 'dot') terminal.write(graphDot(drawn));
    else if (format === 'mermaid') terminal.write(graphMermaid(drawn));
    else terminal.write(graphText(drawn, styleFor(terminal)));
    return HEALTHY;
  },
});

/** The drawing as `graph --json` prints it; an attachment has the keys that it has in `list --json`. */
function graphJson({ bridges, unattached, ...rest }: Graph) {
  const drawn = bridges.map((bridge) => ({ ...bridge, containers: bridge.containers.map(endpointJson) }));
  return { ...rest, bridges: drawn, unattached: unattached.map(endpointJson) };
}

function endpointJson({ network, containerId, ...rest }: Endpoint) {
  return { network, containerID: containerId, ...rest };
}

function formatFlag(what: string) {
  return { kind: 'boolean', optional: true, withNegated: false, brief: `Print ${what}` } as const;
}
