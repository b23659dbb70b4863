/** `trestle list`: the attachments of the node. */

import { withNode } from '../../resources/node.ts';
import { defineCommand, HEALTHY } from '../context.ts';
import { type JsonFlag, jsonFlag, type NetworkFlag, networkFlag, type PlaceFlags, placeFlags } from '../flags.ts';
import { type Listed, podText, takeInventory } from '../inventory/inventory.ts';
import { ageText } from '../output/age.ts';
import { writeJson } from '../output/json.ts';
import { type Style, styleFor } from '../output/style.ts';
import { type Cell, table } from '../output/table.ts';

const HEADER = ['NETWORK', 'CONTAINER', 'INTERFACE', 'ADDRESSES', 'HOST VETH', 'BRIDGE', 'STATE', 'AGE', 'NETNS'];
/** As many characters of a container ID as `crictl` and `podman` show. */
const SHORT_ID = 12;

export const list = defineCommand<JsonFlag & PlaceFlags & NetworkFlag>({
  brief: 'List the attachments of this node',
  description:
    'Lists every attachment that has a record or a lease: network, pod or container, interface, addresses, host veth, bridge, state and age. The state is alive, dead or unknown; "trestle show" says why.',
  parameters: { flags: { ...jsonFlag, ...networkFlag, ...placeFlags } },
  run({ terminal, variables, log }, { json, network, ...place }) {
    const { attachments } = withNode(variables.PATH ?? '', log, (node) => takeInventory(node, place, network));
    if (json === true) {
      writeJson(terminal, attachments.map(listedJson));
    } else if (attachments.length === 0) {
      terminal.write(`No attachments${network === undefined ? '' : ` on the network ${network}`}.\n`);
    } else {
      const style = styleFor(terminal);
      terminal.write(
        table(
          HEADER,
          attachments.map((one) => row(one, style)),
        ),
      );
    }
    return HEALTHY;
  },
});

/** An attachment as `list --json` prints it. */
export function listedJson(listed: Listed) {
  const { network, dataDir, containerId, pod, ifName, addresses, hostVeth, bridge, netns, life, createdAt } = listed;
  return {
    network,
    containerID: containerId,
    pod: podText(pod) || undefined,
    ifName,
    addresses,
    hostVeth,
    bridge,
    netns: netns?.path,
    state: life.state,
    evidence: life.evidence,
    createdAt,
    dataDir,
  };
}

/** The state in its colour. */
export function stateCell({ state }: Listed['life'], style: Style): Cell {
  return { text: state, paint: { alive: style.green, dead: style.red, unknown: style.yellow }[state] };
}

function row(listed: Listed, style: Style): Cell[] {
  const { network, containerId, pod, ifName, addresses, hostVeth, bridge, netns, life, createdAt } = listed;
  const who = podText(pod) || (containerId.length > SHORT_ID ? containerId.slice(0, SHORT_ID) : containerId);
  const age = createdAt === undefined ? '' : ageText(Date.parse(createdAt), Date.now());
  const state = stateCell(life, style);
  return [network, who, ifName, addresses.join(' '), hostVeth ?? '', bridge ?? '', state, age, netns?.path ?? ''];
}
