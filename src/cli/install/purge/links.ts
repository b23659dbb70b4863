/** The links that Trestle made beside the host veths: bridges, and the gateways of VLANs. */

import { execute } from '../../../netlink/connection.ts';
import { unlessRefused } from '../../../netlink/error.ts';
import type { Link } from '../../../netlink/route/link.ts';
import { deleteLink } from '../../../netlink/route/link-change.ts';
import { isOwnBridge } from '../../../resources/bridge/bridge-link.ts';
import { hasNotes, takeBackOptions } from '../../../resources/bridge/options.ts';
import { findLinks } from '../../../resources/links.ts';
import { GATEWAY_ALIAS, isOurAlias } from '../../../resources/names.ts';
import type { Node } from '../../../resources/node.ts';
import { ENODEV } from '../../../sys/errno.ts';
import type { Step } from '../step.ts';

/**
 * Removes VLAN gateways, bridges of ours without other programs' ports, and options that were turned on for bridges of other
 * programs. @throws KernelError
 */
export function linkSteps(node: Node, links: readonly Link[]): Step[] {
  const gateways = links.filter(({ alias, master }) => alias === GATEWAY_ALIAS && master === undefined);
  const bridges = links.filter((link) => link.kind === 'bridge');
  return [
    ...gateways.map((link): Step => {
      return { action: 'remove', subject: `VLAN gateway ${link.name}`, run: () => removeLink(node, link) };
    }),
    ...bridges.flatMap((bridge) =>
      isOwnBridge(bridge) ? [bridgeStep(node, links, bridge)] : optionSteps(node, bridge),
    ),
  ];
}

function bridgeStep(node: Node, links: readonly Link[], bridge: Link): Step {
  const subject = `bridge ${bridge.name}`;
  const foreign = links.filter(({ master, alias }) => master === bridge.index && !isOurAlias(alias));
  if (foreign.length > 0) {
    const note = `it has ports of other programs: ${foreign.map(({ name }) => name).join(', ')}`;
    return { action: 'keep', subject, note };
  }
  // A port may have come since the plan.
  const run = () => (findLinks(node.route, bridge.index).length === 0 ? removeLink(node, bridge) : undefined);
  return { action: 'remove', subject, run };
}

function optionSteps({ route }: Node, bridge: Link): Step[] {
  if (!hasNotes(bridge)) return [];
  const note = 'options that Trestle turned on are turned off';
  return [{ action: 'reset', subject: `bridge ${bridge.name}`, note, run: () => takeBackOptions(route, bridge) }];
}

function removeLink({ route }: Node, { index }: Link): void {
  unlessRefused([ENODEV], () => execute(route, deleteLink(index)));
}
