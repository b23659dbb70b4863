/**
 * The hop between a container and the gateway of its VLAN. With bridge-nf-call-iptables, a packet passes the filter of routed
 * packets twice: as a frame between two ports, and when the node routes it behind the gateway. The kernel decides about a
 * connection's NAT with the first packet; on the bridge it does not know the outgoing interface yet. It would also take the
 * answers, whose addresses it has translated back by then, for connections of their own. So frames from and to a gateway are
 * not tracked on the bridge; behind the gateway, which is a veth, their packets are.
 */

import { formatMac } from '../../address/mac.ts';
import { Fault, reasonOf } from '../../fault.ts';
import type { Log } from '../../log.ts';
import type { Connection } from '../../netlink/connection.ts';
import { KernelError, unlessRefused } from '../../netlink/error.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { NftSet } from '../../netlink/nft/set.ts';
import * as steps from '../../netlink/nft/steps.ts';
import type { Link } from '../../netlink/route/link.ts';
import { SystemError } from '../../sys/libc.ts';
import { BRIDGE_TABLE, type Branch, type OwnedElement, PREROUTING } from '../nftables/branch.ts';
import { glanceAt, mendRules, rulesFinding } from '../nftables/difference.ts';
import { missingElement, restoreElements } from '../nftables/elements.ts';
import { NO_NFTABLES, nftIfThere } from '../nftables/nftables.ts';
import { removeOwned } from '../nftables/removal.ts';
import type { Node } from '../node.ts';
import { readSysctl } from '../sysctl.ts';

const CHAIN = 'untracked';
const MAC_BYTES = 6;
/** The offsets of the MACs of destination and source in a frame. */
const ENDS = [0, 6];
const GATEWAYS: NftSet = { table: BRIDGE_TABLE, name: 'gateways', keyType: nft.TYPE_ETHERADDR, keyLength: MAC_BYTES };
/** The parameters that make bridged frames pass the filter of routed packets. */
const THROUGH_FILTER = ['bridge/bridge-nf-call-iptables', 'bridge/bridge-nf-call-ip6tables'];

type Gateway = Pick<Link, 'name' | 'mac'>;

/**
 * Excludes frames from and to the gateway from connection tracking. Where the kernel refuses that, a warning is logged if
 * bridged frames pass the filter. @throws Fault `io`
 */
export function ensureHopUntracked(node: Node, gateway: Gateway, log: Log): void {
  try {
    ensureBranch(node.nft(), hopBranch(gateway));
  } catch (error) {
    if (!(error instanceof KernelError || error instanceof SystemError)) throw error;
    if (passesFilter()) log('warn', `frames of ${gateway.name} are tracked on the bridge: ${reasonOf(error)}`);
  }
}

/** Makes the rules as declared where another program has changed them. @throws KernelError */
export function mendHopUntracked(node: Node, gateway: Gateway): void {
  const nft = nftIfThere(node);
  if (nft !== undefined) unlessRefused(NO_NFTABLES, () => mendRules(nft, hopBranch(gateway)));
}

/** @throws Fault `check` where frames of the gateway pass the filter of routed packets and are tracked; KernelError */
export function verifyHopUntracked(node: Node, gateway: Gateway): void {
  if (!passesFilter()) return;
  const finding =
    missingElement(node.nft(), gatewayElement(gateway)) ??
    rulesFinding(node.nft(), hopBranch(gateway), node.comparedAt);
  if (finding === undefined) return;
  throw new Fault('check', `frames of ${gateway.name} are tracked on the bridge: ${finding}`, {
    details:
      'The nftables ruleset was changed or flushed: the next ADD on this network restores it. Until then, what is ' +
      'masqueraded may be lost, unless net.bridge.bridge-nf-call-iptables and -ip6tables are 0.',
  });
}

/** Removes the gateway's MAC from the set, and with the last one the set, the chain and the rules. @throws KernelError */
export function removeHopUntracked(node: Node, gateway: Gateway): void {
  const frame = { chain: CHAIN, sets: [GATEWAYS], bases: [PREROUTING] };
  const nft = nftIfThere(node);
  if (nft !== undefined) unlessRefused(NO_NFTABLES, () => removeOwned(nft, frame, [gatewayElement(gateway)]));
}

/**
 * The branch, as a gateway looks at it. The gateway's element is the anchor: if it is missing, the rules may be missing too.
 */
export function hopBranch(gateway: Gateway): Branch {
  return {
    chain: CHAIN,
    sets: [GATEWAYS],
    anchors: [gatewayElement(gateway)],
    // ether daddr @gateways jump untracked; the same for saddr
    entrances: ENDS.map((offset) => ({
      base: PREROUTING,
      expressions: () => [steps.loadLinkHeader(offset, MAC_BYTES), steps.lookupIn(GATEWAYS.name), steps.jumpTo(CHAIN)],
    })),
    rule: () => [steps.notrack()],
  };
}

function gatewayElement({ name, mac }: Gateway): OwnedElement {
  return { set: GATEWAYS, key: { bytes: mac, text: formatMac(mac) }, owner: name };
}

function ensureBranch(connection: Connection, branch: Branch): void {
  if (glanceAt(connection, branch).state !== 'whole') restoreElements(connection, branch, []);
}

function passesFilter(): boolean {
  return THROUGH_FILTER.some((name) => readSysctl(name) === '1');
}
