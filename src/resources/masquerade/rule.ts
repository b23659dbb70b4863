/**
 * How masquerading lies in nftables: the table `inet trestle`, and for each network and subnet a set, a chain of the same
 * name, and a rule of the chain `postrouting` that leads what comes from the set's addresses there.
 */

import { type Cidr, formatCidr, networkOf, parseCidr } from '../../address/cidr.ts';
import { BITS, formatIp, type Ip, ipToBytes } from '../../address/ip.ts';
import * as nft from '../../netlink/nft/constants.ts';
import type { Expression } from '../../netlink/nft/expression.ts';
import type { Key, NftSet } from '../../netlink/nft/set.ts';
import * as steps from '../../netlink/nft/steps.ts';
import { ANCHOR } from '../names.ts';
import type { Branch } from '../nftables/branch.ts';
import type { Frame } from '../nftables/removal.ts';
import { POSTROUTING, ROUTED_TABLE as TABLE } from '../nftables/tables.ts';

/** Where source and destination stand in the header (RFC 791, 8200), and which addresses are multicast (RFC 5771, 4291). */
const LAYOUT = {
  4: { proto: nft.NFPROTO_IPV4, type: nft.TYPE_IPADDR, source: 12, destination: 16, multicast: '224.0.0.0/4' },
  6: { proto: nft.NFPROTO_IPV6, type: nft.TYPE_IP6ADDR, source: 8, destination: 24, multicast: 'ff00::/8' },
} as const;

/** The set for one network's addresses of one subnet. nft's identifiers have letters, digits, `-`, `_`, `.` and `/`. */
export function masqueradeSet(network: string, { ip, prefix }: Cidr): NftSet {
  const { family } = ip;
  const subnet = formatCidr(networkOf({ ip, prefix })).replaceAll(':', '_');
  return { table: TABLE, name: `masq-${network}-${subnet}`, keyType: LAYOUT[family].type, keyLength: BITS[family] / 8 };
}

/** Around a set of that name. */
export function masqueradeFrame(name: string): Frame {
  return { chain: name, sets: [{ table: TABLE, name }], bases: [POSTROUTING] };
}

/** Whether a set of the table holds addresses of this network, or of one whose name begins like it. */
export function mayBelongTo(network: string, setName: string): boolean {
  return setName.startsWith(`masq-${network}-`);
}

export function addressKey(ip: Ip): Key {
  return { bytes: ipToBytes(ip), text: formatIp(ip) };
}

/** The anchor is the unspecified address, which nothing that is routed comes from. */
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

function outside(network: Cidr, offset: number): Expression[] {
  const value = ipToBytes(network.ip);
  return [steps.loadNetworkHeader(offset, value.length), ...steps.differsUnder(maskOf(network), value)];
}

/** The prefix's bits as bytes. */
function maskOf({ ip, prefix }: Cidr): Uint8Array {
  const bits = BITS[ip.family];
  const ones = (1n << BigInt(bits)) - (1n << BigInt(bits - prefix));
  return ipToBytes({ family: ip.family, value: ones });
}
