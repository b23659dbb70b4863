/** The attachments of the node: those that a purge must not take away, and taking away the others. */

import { planGarbage, releaseGarbage } from '../../../ipam/index.ts';
import { execute } from '../../../netlink/connection.ts';
import { unlessRefused } from '../../../netlink/error.ts';
import { deleteLink } from '../../../netlink/route/link-change.ts';
import { aliasOwner, ownerText } from '../../../resources/names.ts';
import type { Node } from '../../../resources/node.ts';
import { hasDyingPeer } from '../../../resources/port/veth.ts';
import { ENODEV } from '../../../sys/errno.ts';
import { hostOf, type Inventory, type Listed, podText } from '../../inventory/inventory.ts';
import type { Step } from '../step.ts';

/** An attachment of ours that is alive, or may be. */
export interface Occupant {
  readonly name: string;
  readonly state: string;
  readonly evidence: string;
}

/** The attachments that are not provably dead: by their records, and host veths without a record. @throws KernelError */
export function occupantsOf(node: Node, inventory: Inventory): Occupant[] {
  const recorded = inventory.attachments.filter(({ record, life }) => record !== undefined && life.state !== 'dead');
  const veths = unrecordedVeths(node, inventory).map(({ name, owner }): Occupant => {
    return { name: owner, state: 'alive', evidence: `the host veth ${name} is there, and no record` };
  });
  const occupants = recorded.map((one): Occupant => {
    return { name: nameOf(one), state: one.life.state, evidence: one.life.evidence };
  });
  return [...occupants, ...veths];
}

/**
 * Removes the recorded attachments from the node and releases their addresses, and the host veths without a record. Leases
 * without a record are another program's, and stay. @throws Fault `io`, KernelError
 */
export function attachmentSteps(node: Node, inventory: Inventory): Step[] {
  const { attachments, links, networks } = inventory;
  const releases = networks.flatMap(({ network, dataDir }) => {
    const here = attachments.filter((one) => one.network === network && one.dataDir === dataDir);
    const foreign = here.filter(({ record }) => record === undefined);
    const host = hostOf(node, dataDir, links);
    const kept = foreign.map(({ containerId, addresses }): Step => {
      return {
        action: 'keep',
        subject: `${network} ${addresses.join(' ')}`,
        note: `the lease of ${containerId} has no record`,
      };
    });
    const doomed = planGarbage(dataDir, network, foreign, host).filter(({ record }) => record !== undefined);
    const steps = doomed.map((one): Step => {
      const found = here.find(({ containerId, ifName }) => isSame(one.attachment, { containerId, ifName }));
      const remove = () => {
        const [failure] = releaseGarbage(dataDir, network, [one], host).failures;
        if (failure !== undefined) throw failure;
      };
      const note = `the attachment is ${found?.life.state ?? 'unknown'}`;
      return {
        action: 'remove',
        subject: found === undefined ? one.attachment.containerId : nameOf(found),
        note,
        run: remove,
      };
    });
    return [...kept, ...steps];
  });
  const veths = unrecordedVeths(node, inventory).map(({ name, index }): Step => {
    const remove = () => void unlessRefused([ENODEV], () => execute(node.route, deleteLink(index)));
    return { action: 'remove', subject: `host veth ${name}`, note: 'it has no record', run: remove };
  });
  return [...releases, ...veths];
}

function unrecordedVeths(node: Node, { attachments, links }: Inventory) {
  const recorded = new Set(attachments.flatMap((one) => (one.record === undefined ? [] : ownerText(one))));
  return links.flatMap((link) => {
    const owner = aliasOwner(link.alias);
    if (owner === undefined || recorded.has(owner) || hasDyingPeer(node.route, link)) return [];
    return [{ name: link.name, index: link.index, owner }];
  });
}

function nameOf({ network, pod, containerId, ifName }: Listed): string {
  return `${network} ${podText(pod) || containerId.slice(0, 12)} ${ifName}`;
}

function isSame(
  a: { readonly containerId: string; readonly ifName: string },
  b: { readonly containerId: string; readonly ifName: string },
): boolean {
  return a.containerId === b.containerId && a.ifName === b.ifName;
}
