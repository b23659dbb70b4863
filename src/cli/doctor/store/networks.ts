/** A network of a data directory as its files have it, for the sections about leases and subnets. */

import { type AttachmentRecord, type BrokenRecord, findBrokenRecords, listNetworks } from '../../../ipam/index.ts';
import type { Link } from '../../../netlink/route/link.ts';
import { grouped } from '../../../resources/grouped.ts';
import { aliasOwner, isOwnedBy } from '../../../resources/names.ts';
import { hasDyingPeer } from '../../../resources/port/veth.ts';
import type { Listed, StoredNetwork } from '../../inventory/inventory.ts';
import type { Examination } from '../examination.ts';

export interface NetworkView extends StoredNetwork {
  readonly recorded: readonly (Listed & { readonly record: AttachmentRecord })[];
  /** Leases that no record claims, one entry a holder. */
  readonly unrecorded: readonly Listed[];
  readonly broken: readonly BrokenRecord[];
  /** Living host veths of this network that no record names. */
  readonly strays: readonly Stray[];
  /** This program leased on it, not host-local alone. */
  readonly isOurs: boolean;
}

/** A host veth without a record. */
export interface Stray {
  readonly link: Link;
  /** Undefined where the alias has a hash in place of the container ID. */
  readonly attachment: { readonly containerId: string; readonly ifName: string } | undefined;
}

/** The networks of all data directories, with those of which host veths alone are left. @throws Fault `io`, KernelError */
export function viewNetworks(examination: Examination): NetworkView[] {
  const { attachments, networks, dataDirs } = examination.inventory;
  const strays = strayVeths(examination);
  const places = new Map(networks.map((one) => [keyOf(one), one]));
  for (const { place } of strays) places.set(keyOf(place), place);
  const byPlace = grouped(attachments, keyOf);
  const ours = new Set(
    dataDirs.flatMap((dataDir) => listNetworks(dataDir).map((network) => keyOf({ network, dataDir }))),
  );
  return [...places.values()].map(({ network, dataDir }) => {
    const key = keyOf({ network, dataDir });
    const own = byPlace.get(key) ?? [];
    const recorded = own.flatMap(({ record, ...one }) => (record === undefined ? [] : [{ ...one, record }]));
    return {
      network,
      dataDir,
      recorded,
      unrecorded: own.filter(({ record }) => record === undefined),
      broken: ours.has(key) ? findBrokenRecords(dataDir, network, recorded) : [],
      strays: strays.filter(({ place }) => keyOf(place) === key),
      isOurs: ours.has(key),
    };
  });
}

/** The host veths of attachments that no record names, of the data directories that are looked at. */
function strayVeths({ node, inventory }: Examination): (Stray & { readonly place: StoredNetwork })[] {
  const known = new Set(inventory.attachments.map(({ hostVeth }) => hostVeth));
  const candidates = inventory.links.filter(({ name, alias }) => aliasOwner(alias) !== undefined && !known.has(name));
  return candidates.flatMap((link) => {
    const owner = aliasOwner(link.alias) ?? '';
    const [mark = '', containerId = '', ifName] = owner.split('/');
    const network = mark.replace(/@[0-9a-f]{8}$/, '');
    const dataDir = inventory.dataDirs.find((one) => isOwnedBy(network, owner, one));
    if (dataDir === undefined || hasDyingPeer(node.route, link)) return [];
    const attachment = ifName === undefined ? undefined : { containerId, ifName };
    return [{ link, attachment, place: { network, dataDir } }];
  });
}

function keyOf({ network, dataDir }: StoredNetwork): string {
  return `${dataDir}/${network}`;
}
