/** Which attachments are masqueraded, by the sets of nftables: a dump for each network, not a look-up for each container. */

import { recordedPlan } from '../../resources/attachment.ts';
import { masqueradeKind } from '../../resources/masquerade/masquerade.ts';
import { ownedElements } from '../../resources/masquerade/nftables.ts';
import { ownerText } from '../../resources/names.ts';
import { nftIfThere } from '../../resources/nftables/nftables.ts';
import type { Node } from '../../resources/node.ts';
import { wantedOf } from '../../resources/plan.ts';
import { isObject } from '../../schema/json.ts';
import type { Listed, StoredNetwork } from '../inventory/inventory.ts';

/** How many addresses of each owner nftables masquerades. */
type Counts = ReadonlyMap<string, number>;

/**
 * Tells whether all addresses of an attachment that are to be masqueraded are; undefined where none is to be. Where nftables
 * masquerades nothing of a network, iptables may: then one attachment is verified, and speaks for its network.
 * @throws KernelError, SystemError, Fault
 */
export function masqueradedOn(node: Node): (listed: Listed) => boolean | undefined {
  const byNetwork = new Map<string, Counts | boolean>();
  return (listed) => {
    const wanted = addressesOf(listed);
    if (wanted === 0) return undefined;
    const { network, dataDir, containerId, ifName } = listed;
    const place = `${dataDir} ${network}`;
    const known = byNetwork.get(place) ?? masqueradingOf(node, listed);
    byNetwork.set(place, known);
    if (typeof known === 'boolean') return known;
    return (known.get(ownerText({ network, dataDir, containerId, ifName })) ?? 0) >= wanted;
  };
}

/** How many addresses of the attachment are to be masqueraded. A record of 0.1.0 has no plan, and counts as none. */
function addressesOf({ record }: Listed): number {
  const masquerade = record?.plan?.find((one) => isObject(one) && one.kind === masqueradeKind.name);
  return isObject(masquerade) && Array.isArray(masquerade.addresses) ? masquerade.addresses.length : 0;
}

function masqueradingOf(node: Node, listed: Listed): Counts | boolean {
  const counts = countsIn(node, listed);
  return counts.size > 0 ? counts : isVerified(node, listed);
}

function countsIn(node: Node, { network, dataDir }: StoredNetwork): Counts {
  const connection = nftIfThere(node);
  const counts = new Map<string, number>();
  if (connection === undefined) return counts;
  for (const { owner } of ownedElements(connection, { network, dataDir })) {
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }
  return counts;
}

function isVerified(node: Node, { record, dataDir }: Listed): boolean {
  if (record === undefined) return false;
  const plan = recordedPlan(record, record, dataDir, node.log, ({ name }) => name === masqueradeKind.name);
  return wantedOf(plan, masqueradeKind).every((wanted) => masqueradeKind.verify(node, wanted) === undefined);
}
