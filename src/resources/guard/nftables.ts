/**
 * The MAC guard (macspoofchk) in nftables, once for all networks: frames that come from a container with another MAC than its
 * own are dropped at its port. The set `ports` holds the host veths whose frames are looked at, and `macs` each of them with
 * the MAC that it may send from. So a frame costs two look-ups, whatever the number of containers.
 *
 * The rules stand in `prerouting` and `input`: a bridge also learns MACs from frames to the link-local group addresses, which
 * only `input` sees.
 */

import { hashHex } from '../../address/hash.ts';
import { formatMac } from '../../address/mac.ts';
import { Fault } from '../../fault.ts';
import { concat, cString } from '../../netlink/bytes.ts';
import type { Connection } from '../../netlink/connection.ts';
import { isKernelError, unlessRefused } from '../../netlink/error.ts';
import { commit } from '../../netlink/nft/batch.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Key, NftSet } from '../../netlink/nft/set.ts';
import * as sets from '../../netlink/nft/set.ts';
import * as steps from '../../netlink/nft/steps.ts';
import { EEXIST, ENOENT } from '../../sys/errno.ts';
import { ANCHOR, isOfNetwork } from '../names.ts';
import { BRIDGE_TABLE, type Branch, createBranch, INPUT, type OwnedElement, PREROUTING } from '../nftables/branch.ts';
import { mendRules, rulesFinding } from '../nftables/difference.ts';
import {
  elementsOf,
  isHeld,
  missingElement,
  missingOwners,
  placeElements,
  restoreElements,
} from '../nftables/elements.ts';
import { type FoundElement, type Frame, foundElements, removeElement, removeOwned } from '../nftables/removal.ts';
import type { Scope } from '../resource.ts';

/** A host veth, and the only source MAC that its container may use. */
export interface Guarded {
  readonly network: string;
  readonly port: string;
  readonly mac: Uint8Array;
  /** The attachment, see `ownerText`. */
  readonly owner: string;
}

const CHAIN = 'guard';
/** IFNAMSIZ: a key of the type ifname, filled up with NULs. */
const NAME_LENGTH = 16;
/** The frame's source MAC: where it stands in the link header, and its length. */
const SOURCE_MAC = 6;
const MAC_BYTES = 6;
/** A MAC, filled up to whole registers of four bytes. */
const MAC_LENGTH = 8;
const PAIR_TYPE = (nft.TYPE_IFNAME << nft.TYPE_BITS) | nft.TYPE_ETHERADDR;

export const PORTS: NftSet = {
  table: BRIDGE_TABLE,
  name: 'ports',
  keyType: nft.TYPE_IFNAME,
  keyLength: NAME_LENGTH,
  isHostOrder: true,
};
export const MACS: NftSet = {
  table: BRIDGE_TABLE,
  name: 'macs',
  keyType: PAIR_TYPE,
  keyLength: NAME_LENGTH + MAC_LENGTH,
};

const HOOKS = [PREROUTING, INPUT];

const GUARD_FRAME: Frame = { chain: CHAIN, sets: [PORTS, MACS], bases: HOOKS };

const RESTORE =
  'The nftables ruleset was changed or flushed. The next ADD on this network restores what all its containers need; ' +
  'deleting and adding this one does, too.';

/**
 * Guards the port from now on, whether or not the interface is there yet. Where sets and rules were not whole, other ports of
 * the network may not be guarded any more: `live` gives those that are to be guarded, and they are guarded, too. Without
 * `live`, call `restoreGuard`.
 * @returns whether all was whole. @throws KernelError; the port is not guarded then
 */
export function ensureGuard(connection: Connection, guarded: Guarded, live?: () => readonly Guarded[]): boolean {
  // No other attachment has a port of this name: what is left of it is of an earlier attachment of the same name.
  const makeWay = () => forgetPort(connection, guarded.port);
  return placeElements(
    connection,
    guardBranch(guarded.network),
    elementsFor(guarded),
    makeWay,
    live && (() => live().flatMap(elementsFor)),
  );
}

/** Makes the rules as declared where another program has changed them. @throws KernelError */
export function mendGuardRules(connection: Connection, network: string): void {
  mendRules(connection, guardBranch(network));
}

/** Makes the sets, rules and elements that are missing. @throws KernelError */
export function restoreGuard(connection: Connection, network: string, guarded: readonly Guarded[]): void {
  restoreElements(connection, guardBranch(network), guarded.flatMap(elementsFor));
}

/**
 * Stops guarding the port, if the elements are still this owner's. With the last port of the network its anchors are removed,
 * and with the last port of all networks the sets, the chain and the rules. @returns whether the port was guarded.
 * @throws KernelError
 */
export function removeGuard(connection: Connection, guarded: Guarded): boolean {
  const removed = removeOwned(connection, GUARD_FRAME, elementsFor(guarded));
  if (removed) removeUnusedAnchors(connection, guarded.network);
  return removed;
}

/**
 * @throws Fault `check` when the port is not guarded, or for another owner, or when a rule is missing or changed; KernelError
 */
export function verifyGuard(connection: Connection, guarded: Guarded, comparedAt?: number): void {
  const [port, pair] = elementsFor(guarded);
  const finding =
    missingElement(connection, port) ??
    missingElement(connection, pair) ??
    rulesFinding(connection, guardBranch(guarded.network), comparedAt);
  if (finding === undefined) return;
  const message = `frames from ${guarded.port} are not held to the MAC ${formatMac(guarded.mac)}: ${finding}`;
  throw new Fault('check', message, { details: RESTORE });
}

/** The owners that have no element in one of the sets: it was removed, or their ports are not guarded. @throws KernelError */
export function missingGuards(connection: Connection, owners: readonly string[]): string[] {
  if (owners.length === 0) return [];
  return [...new Set([PORTS, MACS].flatMap((set) => missingOwners(connection, set, owners)))];
}

/**
 * The guards of a scope, for each port an element in either set. Their removal removes the network's anchors with its last
 * port. @throws KernelError
 */
export function ownedGuards(connection: Connection, scope: Scope): FoundElement[] {
  return foundElements(connection, GUARD_FRAME, scope).map(({ owner, remove }) => ({
    owner,
    remove() {
      remove();
      removeUnusedAnchors(connection, scope.network);
    },
  }));
}

/**
 * Verifies that the kernel can filter on bridges: asks it for all that is needed, together with something that it must refuse,
 * so that nothing is made. @throws KernelError where it refuses anything else
 */
export function verifyGuardable(connection: Connection): void {
  const refused = sets.deleteElement({ ...PORTS, name: 'never' }, portKey('never'));
  try {
    commit(connection, [...createBranch(guardBranch('')), refused]);
  } catch (error) {
    if (isKernelError(error, EEXIST)) return;
    if (!isKernelError(error, ENOENT) || error.operation !== refused.operation) throw error;
  }
}

/**
 * The branch of the guard, as a network looks at it. All networks share the sets, so each network has anchors of its own,
 * under a name that no interface can have.
 */
export function guardBranch(network: string): Branch {
  const anchor = `/${hashHex('guard anchor', network).slice(0, 14)}`;
  return {
    chain: CHAIN,
    sets: [PORTS, MACS],
    anchors: [
      { set: PORTS, key: portKey(anchor), owner: ANCHOR },
      { set: MACS, key: pairKey(anchor, new Uint8Array(MAC_BYTES)), owner: ANCHOR },
    ],
    // iifname @ports jump guard
    entrances: HOOKS.map((base) => ({
      base,
      expressions: () => [steps.loadMeta(nft.NFT_META_IIFNAME), steps.lookupIn(PORTS.name), steps.jumpTo(CHAIN)],
    })),
    // iifname . ether saddr != @macs drop
    rule: () => [
      steps.loadMeta(nft.NFT_META_IIFNAME),
      steps.loadLinkHeader(SOURCE_MAC, MAC_BYTES, nft.NFT_REG_2),
      steps.lookupNotIn(MACS.name),
      steps.drop(),
    ],
  };
}

/** The key of a port in the set `ports`. */
export function portKey(port: string): Key {
  return { bytes: filled(cString(port), NAME_LENGTH), text: port };
}

/** The key of a port with a MAC in the set `macs`. */
export function pairKey(port: string, mac: Uint8Array): Key {
  const bytes = concat([portKey(port).bytes, filled(mac, MAC_LENGTH)]);
  return { bytes, text: `${port} with ${formatMac(mac)}` };
}

/** Whether an element of `macs` is this port's. */
export function isOfPort(port: string, key: Uint8Array): boolean {
  return portKey(port).bytes.every((byte, at) => key[at] === byte);
}

function elementsFor({ port, mac, owner }: Guarded): readonly [OwnedElement, OwnedElement] {
  return [
    { set: PORTS, key: portKey(port), owner },
    { set: MACS, key: pairKey(port, mac), owner },
  ];
}

/** Removes the elements of the port, of any owner. */
function forgetPort(connection: Connection, port: string): void {
  const pairs = elementsOf(connection, MACS).filter(({ key }) => isOfPort(port, key));
  for (const { key } of pairs) removeElement(connection, MACS, { bytes: key, text: port });
  removeElement(connection, PORTS, portKey(port));
}

/**
 * Removes the anchors of a network that has no port any more. An ADD at the same time finds no anchors, and adds them again.
 */
function removeUnusedAnchors(connection: Connection, network: string): void {
  if (isHeld(connection, PORTS, ({ comment }) => isOfNetwork(network, comment))) return;
  const removals = guardBranch(network).anchors.map(({ set, key }) => sets.deleteElement(set, key));
  unlessRefused([ENOENT], () => commit(connection, removals));
}

function filled(bytes: Uint8Array, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(bytes);
  return whole;
}
