/** What is left on a node of attachments that are provably gone. */

import { formatIp } from '../../address/ip.ts';
import { asFault, collecting } from '../../attempt.ts';
import {
  abortedLeases,
  type Doomed,
  findBrokenRecords,
  type Host,
  listRecords,
  planGarbage,
  releaseGarbage,
  withoutRecord,
} from '../../ipam/index.ts';
import { silentLog } from '../../log.ts';
import { forwardAcceptKind } from '../../resources/forward-accept/forward-accept.ts';
import { guardKind } from '../../resources/guard/guard.ts';
import { masqueradeKind } from '../../resources/masquerade/masquerade.ts';
import { aliasOwner, isOwnedBy, ownerText } from '../../resources/names.ts';
import { nftIfThere } from '../../resources/nftables/nftables.ts';
import type { Node } from '../../resources/node.ts';
import { surveyKinds } from '../../resources/plan.ts';
import { hasDyingPeer, removeHostVeth } from '../../resources/port/veth.ts';
import type { Kind, Owned } from '../../resources/resource.ts';
import { statPath } from '../../sys/directory.ts';
import { hostOf, type Inventory, podText, type StoredNetwork } from '../inventory/inventory.ts';

/** Something that may go. */
export interface Garbage extends Partial<StoredNetwork> {
  readonly kind: 'attachment' | 'lease' | 'record' | 'host veth' | 'packet filter' | 'accept';
  readonly subject: string;
  readonly why: string;
  /** The owner text of something on the node. */
  readonly owner?: string;
  /** The attachment that the store removes. */
  readonly doomed?: Doomed;
  /** The file that the store removes. */
  readonly path?: string;
  /** Removes something on the node; the store removes what has none. */
  remove?(): void;
}

/** What became of one. `changed`: it is in use by now, or another process removed it. */
export interface Collected {
  readonly garbage: Garbage;
  readonly outcome: 'removed' | 'changed' | 'failed';
  readonly reason?: string;
}

const FILTERED = [masqueradeKind, guardKind] as readonly Kind<unknown>[];

/**
 * All that is provably garbage in the networks of the inventory, attachments first. Only reads. What the packet filter holds is
 * read before the records are, so that the elements of an ADD that just began have a record. @throws Fault, KernelError
 */
export function findGarbage(node: Node, inventory: Inventory): Garbage[] {
  const living = new Set(
    inventory.links.flatMap((link) => {
      const owner = aliasOwner(link.alias);
      return owner === undefined || hasDyingPeer(node.route, link) ? [] : [owner];
    }),
  );
  const found = inventory.networks.flatMap((one) => inNetwork(node, inventory, one, living));
  const accepts = forwardAcceptKind.survey(node, { network: '', dataDir: '' });
  return [...found, ...accepts.map((one) => ownedGarbage('accept', one, 'no port of its bridge is left'))];
}

/** The attachment as garbage, whatever its state. @returns undefined where the store has none of that name. @throws Fault `io` */
export function garbageOf(
  node: Node,
  inventory: Inventory,
  { network, dataDir, containerId, ifName }: StoredNetwork & { readonly containerId: string; readonly ifName: string },
): Garbage | undefined {
  const all = planGarbage(dataDir, network, [], quiet(hostOf(node, dataDir, inventory.links)));
  const doomed = all.find(({ attachment }) => attachment.containerId === containerId && attachment.ifName === ifName);
  return doomed && doomedGarbage(doomed, dataDir, 'it is named by --attachment');
}

/** Removes garbage, the store's by network, and goes on past errors. */
export function collectGarbage(node: Node, inventory: Inventory, garbage: readonly Garbage[]): Collected[] {
  const places = inventory.networks.filter((place) =>
    garbage.some((one) => isIn(one, place) && one.remove === undefined),
  );
  const stored = places.flatMap((place) => collectStored(node, inventory, place, garbage));
  const there = garbage.filter(({ remove }) => remove !== undefined);
  return [...stored, ...there.map((one) => collectOwned(node, inventory, one))];
}

function inNetwork(node: Node, inventory: Inventory, place: StoredNetwork, living: ReadonlySet<string>): Garbage[] {
  const { network, dataDir } = place;
  const host = quiet(hostOf(node, dataDir, inventory.links));
  const filtered = nftIfThere(node) === undefined ? [] : surveyKinds(node, FILTERED, place);
  const records = listRecords(dataDir, network, host);
  const recorded = new Set(records.map((record) => ownerText({ ...record, dataDir })));
  const isLeft = (owner: string | undefined): owner is string =>
    owner !== undefined && !recorded.has(owner) && !living.has(owner);
  const doomed = planGarbage(dataDir, network, undefined, host);
  const veths = inventory.links.flatMap((link): Garbage[] => {
    const owner = aliasOwner(link.alias);
    if (!isLeft(owner) || !isOwnedBy(network, owner, dataDir)) return [];
    const why = 'no record names its owner, and the kernel is taking its network namespace away';
    const remove = () => void removeHostVeth(node.route, link.name);
    return [{ ...place, kind: 'host veth', subject: `${link.name} of ${owner}`, why, owner, remove }];
  });
  return [
    ...doomed.map((one) => doomedGarbage(one, dataDir, whyDead(one, host))),
    ...abortedLeases(dataDir, network, records).map(
      (path): Garbage => ({ ...place, kind: 'lease', subject: path, why: 'it is empty: a write was aborted', path }),
    ),
    ...findBrokenRecords(dataDir, network).map(
      ({ path, complaint }): Garbage => ({ ...place, kind: 'record', subject: path, why: complaint, path }),
    ),
    ...veths,
    ...filtered
      .filter(({ owner }) => isLeft(owner))
      .map((one) => ({
        ...place,
        ...ownedGarbage('packet filter', one, 'neither a record nor a host veth names its owner'),
      })),
  ];
}

function doomedGarbage(doomed: Doomed, dataDir: string, why: string): Garbage {
  const { attachment, record, addresses } = doomed;
  const { network, containerId, ifName } = attachment;
  const who = podText(record?.pod) || containerId;
  const subject = [who, ifName, ...addresses.map(formatIp)].filter((text) => text !== '').join(' ');
  return { kind: record === undefined ? 'lease' : 'attachment', network, dataDir, subject, why, doomed };
}

function whyDead({ record }: Doomed, host: Host): string {
  return record === undefined ? 'no record claims it, and it is of an earlier boot' : host.judge(record).evidence;
}

function ownedGarbage(kind: Garbage['kind'], { what, owner, remove }: Owned, why: string): Garbage {
  return { kind, subject: what, why, ...(owner !== undefined && { owner }), remove };
}

function isIn(one: Garbage, place: StoredNetwork): boolean {
  return one.network === place.network && one.dataDir === place.dataDir;
}

/** What the store of a network removes, by the code of the protocol's GC. */
function collectStored(
  node: Node,
  inventory: Inventory,
  place: StoredNetwork,
  garbage: readonly Garbage[],
): Collected[] {
  const own = garbage.filter((one) => isIn(one, place) && one.remove === undefined);
  const doomed = own.flatMap((one) => one.doomed ?? []);
  const host = quiet(hostOf(node, place.dataDir, inventory.links));
  const { released, failures } = releaseGarbage(place.dataDir, place.network, doomed, host);
  const [reason] = failures.map(({ message }) => message);
  return own.map((one): Collected => {
    const isGone = one.doomed === undefined ? statPath(one.path ?? '') === undefined : released.includes(one.doomed);
    if (isGone) return { garbage: one, outcome: 'removed' };
    return {
      garbage: one,
      outcome: reason === undefined ? 'changed' : 'failed',
      ...(reason !== undefined && { reason }),
    };
  });
}

/** Removes something on the node, unless its owner has a record by now. */
function collectOwned(node: Node, inventory: Inventory, garbage: Garbage): Collected {
  const { network, dataDir, owner, remove } = garbage;
  let isRemoved = true;
  const act = () => {
    if (network === undefined || dataDir === undefined || owner === undefined) remove?.();
    else {
      const [, containerId = '', ifName = ''] = owner.split('/');
      const host = quiet(hostOf(node, dataDir, inventory.links));
      isRemoved = withoutRecord(dataDir, { network, containerId, ifName }, host, () => remove?.());
    }
  };
  const [failure] = collecting(act).map(asFault);
  if (failure !== undefined) return { garbage, outcome: 'failed', reason: failure.message };
  return { garbage, outcome: isRemoved ? 'removed' : 'changed' };
}

/** What is wrong with files is shown as garbage. */
function quiet(host: Host): Host {
  return { ...host, log: silentLog };
}
