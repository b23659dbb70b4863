/**
 * Masquerading through nftables, in the table `inet trestle`: for each network and subnet there are a set, a chain of the
 * same name, and a rule of the chain `postrouting` that leads packets from the addresses in the set to that chain. Each
 * address is one element of the set, with its owner as comment.
 */

import { type Cidr, formatCidr, maskOf, networkOf, parseCidr } from '../../address/cidr.ts';
import { BITS, formatIp, type Ip, ipToBytes } from '../../address/ip.ts';
import { Fault } from '../../fault.ts';
import { type Connection, executeUnlessRefused } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import { commit } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import type { Key, NftSet } from '../../netlink/nft/set.ts';
import * as sets from '../../netlink/nft/set.ts';
import * as steps from '../../netlink/nft/steps.ts';
import { decodeChain, getChain } from '../../netlink/nft/table.ts';
import { ENOENT } from '../../sys/errno.ts';
import { grouped } from '../grouped.ts';
import { ANCHOR } from '../names.ts';
import { type Branch, createBranch, type OwnedElement, POSTROUTING, ROUTED_TABLE } from '../nftables/branch.ts';
import { mendRules, rulesFinding } from '../nftables/difference.ts';
import { elementsOf, missingElement, placeElements, restoreElements, setNames } from '../nftables/elements.ts';
import { CANNOT_MASQUERADE, nftIfThere } from '../nftables/nftables.ts';
import { type FoundElement, type Frame, foundElements, removeElement, removeOwned } from '../nftables/removal.ts';
import type { Node } from '../node.ts';
import type { Scope } from '../resource.ts';
import type { MasqueradeDriver, Masqueraded } from './driver.ts';

/**
 * By family: numbers, the offsets of source and destination in the header (RFC 791, 8200), and the multicast addresses (RFC
 * 5771, 4291).
 */
const LAYOUT = {
  4: { proto: nft.NFPROTO_IPV4, type: nft.TYPE_IPADDR, source: 12, destination: 16, multicast: '224.0.0.0/4' },
  6: { proto: nft.NFPROTO_IPV6, type: nft.TYPE_IP6ADDR, source: 8, destination: 24, multicast: 'ff00::/8' },
} as const;

const RESTORE =
  'The nftables ruleset was changed or flushed. The next ADD on this network restores what all its containers need; ' +
  'deleting and adding this one does, too.';

/** A branch for `canMasquerade`: no network has this name. */
const PROBE = masqueradeBranch('', { ip: { family: 4, value: 0n }, prefix: 32 });

export const nftDriver: MasqueradeDriver = {
  ensure: (node, entry, live) => void ensureMasquerade(node.nft(), entry, live),
  verify: (node, entry) => verifyMasquerade(node.nft(), entry, node.comparedAt),
  remove: (node, entry) => removeMasquerade(node.nft(), entry),
  owners: (node, { network, address }) =>
    elementsOf(node.nft(), masqueradeSet(network, address)).flatMap(({ comment }) => comment ?? []),
  able: (node) => (masqueradesByNftables(node) ? undefined : withoutNftables()),
};

/**
 * Adds the address to its set, and makes what is missing of the branch. Where the branch was not whole, other addresses of the
 * network may be missing: `live` gives those that are to be there, and they are added, too. Without `live`, call
 * `restoreMasquerade`.
 * @returns whether the branch was whole. @throws KernelError; the address is not added then
 */
export function ensureMasquerade(
  connection: Connection,
  entry: Masqueraded,
  live?: () => readonly Masqueraded[],
): boolean {
  const element = elementOf(entry);
  // The lease on the address is exclusive, so an element that is in the way belongs to an attachment that is gone.
  const makeWay = () => removeElement(connection, element.set, element.key);
  let others: readonly Masqueraded[] = [];
  const liveHere = () => {
    const all = live?.() ?? [];
    others = all.filter((one) => elementOf(one).set.name !== element.set.name);
    return all.filter((one) => !others.includes(one)).map(elementOf);
  };
  const branch = masqueradeBranch(entry.network, entry.address);
  const wasWhole = placeElements(connection, branch, [element], makeWay, live && liveHere);
  restoreMasquerade(connection, others);
  return wasWhole;
}

/** Makes the sets, rules and elements that are missing. @throws KernelError */
export function restoreMasquerade(connection: Connection, entries: readonly Masqueraded[]): void {
  for (const group of grouped(entries, ({ network, address }) => masqueradeSet(network, address).name).values()) {
    const [{ network, address }] = group;
    restoreElements(connection, masqueradeBranch(network, address), group.map(elementOf));
  }
}

/** Makes the rules for the address's subnet as declared where another program has changed them. @throws KernelError */
export function mendMasqueradeRules(connection: Connection, { network, address }: Masqueraded): void {
  mendRules(connection, masqueradeBranch(network, address));
}

/**
 * Removes the address from its set if it is still the owner's; with the last address the set, the chain and the rules.
 * @returns whether it was removed. @throws KernelError
 */
export function removeMasquerade(connection: Connection, entry: Masqueraded): boolean {
  const element = elementOf(entry);
  return removeOwned(connection, masqueradeFrame(element.set.name), [element]);
}

/**
 * @throws Fault `check` when the address is not masqueraded, or for another owner, or when a rule is missing or changed;
 * KernelError
 */
export function verifyMasquerade(connection: Connection, entry: Masqueraded, comparedAt?: number): void {
  const { network, address } = entry;
  const finding =
    missingElement(connection, elementOf(entry)) ??
    rulesFinding(connection, masqueradeBranch(network, address), comparedAt);
  if (finding === undefined) return;
  throw new Fault('check', `${formatIp(address.ip)} is not masqueraded: ${finding}`, { details: RESTORE });
}

/** The masqueraded addresses of a scope, in all sets of its network. @throws KernelError */
export function ownedElements(connection: Connection, scope: Scope): FoundElement[] {
  return framesOf(connection, scope.network).flatMap((frame) => foundElements(connection, frame, scope));
}

/** Whether nf_tables is there and can masquerade. @throws KernelError, SystemError where the kernel answers something else */
export function masqueradesByNftables(node: Node): boolean {
  const connection = nftIfThere(node);
  return connection !== undefined && canMasquerade(connection);
}

/**
 * Whether the kernel can masquerade through nf_tables. If it does so already, it can. Otherwise it is asked for all that is
 * needed (a table of both families, a chain that translates, a set, the rule), together with something that it must refuse, so
 * that nothing is made. A kernel before 5.2, which has no NAT for both families in one table, or one without nft_masq, refuses
 * something else.
 * @throws KernelError for a reason that says nothing of the kernel, such as EPERM
 */
export function canMasquerade(connection: Connection): boolean {
  const [chain] = executeUnlessRefused(connection, CANNOT_MASQUERADE, getChain(ROUTED_TABLE, POSTROUTING.name));
  if (chain?.[0] !== undefined && decodeChain(chain[0]).uses > 0) return true;
  const never = { table: ROUTED_TABLE, name: 'never' };
  const refused = sets.deleteElement(never, { bytes: new Uint8Array(4), text: 'nothing' });
  try {
    commit(connection, [...createBranch(PROBE), refused]);
    return true;
  } catch (error) {
    if (isKernelError(error, ENOENT) && error.operation === refused.operation) return true;
    if (isKernelError(error, ...CANNOT_MASQUERADE)) return false;
    throw error;
  }
}

/**
 * The Fault of a kernel without nf_tables, or without what masquerading needs of it: NAT for both families in one table (Linux
 * 5.2), nft_masq.
 */
export function withoutNftables(cause?: unknown): Fault {
  const lack = 'the kernel has no nf_tables, or none that masquerades';
  return new Fault('unsupported', `cannot masquerade through nftables: ${lack}`, {
    cause,
    details:
      'Load the modules nf_tables, nft_chain_nat and nft_masq, or leave "ipMasqBackend" out: then iptables is used where nftables is not.',
  });
}

/** The branch for the subnet of an address. Its anchor is the unspecified address, from which no packet is routed. */
export function masqueradeBranch(network: string, address: Cidr): Branch {
  const { family } = address.ip;
  const set = masqueradeSet(network, address);
  const { proto, source, destination, multicast } = LAYOUT[family];
  return {
    chain: set.name,
    sets: [set],
    anchors: [{ set, key: addressKey({ family, value: 0n }), owner: ANCHOR }],
    // ip saddr @SET jump SET
    entrances: [
      {
        base: POSTROUTING,
        expressions: () => [
          ...steps.matchFamily(proto),
          steps.loadNetworkHeader(source, set.keyLength),
          steps.lookupIn(set.name),
          steps.jumpTo(set.name),
        ],
      },
    ],
    // ip daddr != SUBNET ip daddr != 224.0.0.0/4 masquerade; the same for ip6, with ff00::/8
    rule: () => [
      ...steps.matchFamily(proto),
      ...outside(networkOf(address), destination),
      ...outside(parseCidr(multicast) as Cidr, destination),
      steps.masquerade(),
    ],
  };
}

/** The set for a network's addresses of one subnet. Identifiers of nft have letters, digits, `-`, `_`, `.` and `/`. */
export function masqueradeSet(network: string, { ip, prefix }: Cidr): NftSet {
  const { family } = ip;
  const subnet = formatCidr(networkOf({ ip, prefix })).replaceAll(':', '_');
  return {
    table: ROUTED_TABLE,
    name: `masq-${network}-${subnet}`,
    keyType: LAYOUT[family].type,
    keyLength: BITS[family] / 8,
  };
}

/** Whether a set holds addresses of this network, or of one whose name begins with this name. */
export function mayBelongTo(network: string, setName: string): boolean {
  return setName.startsWith(`masq-${network}-`);
}

export function addressKey(ip: Ip): Key {
  return { bytes: ipToBytes(ip), text: formatIp(ip) };
}

/** The frame of the branch that has a set of that name. */
function masqueradeFrame(name: string): Frame {
  return { chain: name, sets: [{ table: ROUTED_TABLE, name }], bases: [POSTROUTING] };
}

/** Matches packets whose address at `offset` is not in the network. */
function outside(network: Cidr, offset: number): Expression[] {
  const value = ipToBytes(network.ip);
  return [steps.loadNetworkHeader(offset, value.length), ...steps.differsUnder(maskOf(network), value)];
}

function framesOf(connection: Connection, network: string) {
  const names = setNames(connection, ROUTED_TABLE).filter((name) => mayBelongTo(network, name));
  return names.map(masqueradeFrame);
}

function elementOf({ network, address, owner }: Masqueraded): OwnedElement {
  return { set: masqueradeSet(network, address), key: addressKey(address.ip), owner };
}
