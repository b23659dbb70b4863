/** How masquerading lies in nftables: the table `inet trestle`, its chain, and a set and a rule a network and subnet. */

import { type Cidr, formatCidr, networkOf, parseCidr } from '../address/cidr.ts';
import { BITS, ipToBytes } from '../address/ip.ts';
import type { Attribute } from '../netlink/attribute.ts';
import type { Request } from '../netlink/connection.ts';
import type { Table } from '../netlink/nft/batch.ts';
import * as nft from '../netlink/nft/constants.ts';
import * as expression from '../netlink/nft/expression.ts';
import { appendRule } from '../netlink/nft/rule.ts';
import { type AddressSet, createSet } from '../netlink/nft/set.ts';
import { ensureChain, ensureTable } from '../netlink/nft/table.ts';

export const TABLE: Table = { family: nft.NFPROTO_INET, name: 'trestle' };
export const CHAIN = 'postrouting';

/** Where source and destination stand in the header (RFC 791, 8200), and which addresses are multicast (RFC 5771, 4291). */
const LAYOUT = {
  4: { proto: nft.NFPROTO_IPV4, source: 12, destination: 16, multicast: '224.0.0.0/4' },
  6: { proto: nft.NFPROTO_IPV6, source: 8, destination: 24, multicast: 'ff00::/8' },
} as const;

/** The set for one network's addresses of one subnet. nft's identifiers have letters, digits, `-`, `_`, `.` and `/`. */
export function masqueradeSet(network: string, address: Cidr): AddressSet {
  const subnet = formatCidr(networkOf(address)).replaceAll(':', '_');
  return { table: TABLE, name: `masq-${network}-${subnet}`, family: address.ip.family };
}

/** Whether a set of the table holds addresses of this network, or of one whose name begins like it. */
export function mayBelongTo(network: string, setName: string): boolean {
  return setName.startsWith(`masq-${network}-`);
}

/** Makes table and chain unless they are there, and set and rule; refused with EEXIST where the set is there. */
export function createMasquerading(set: AddressSet, subnet: Cidr): Request[] {
  const hook = { hook: nft.NF_INET_POST_ROUTING, priority: nft.NF_IP_PRI_NAT_SRC };
  const chain = ensureChain({ table: TABLE, name: CHAIN, type: 'nat', ...hook });
  return [ensureTable(TABLE), chain, createSet(set, 1), masqueradeRule(set, networkOf(subnet))];
}

/** ip saddr @SET ip daddr != SUBNET ip daddr != 224.0.0.0/4 masquerade; the same for ip6, with ff00::/8. */
function masqueradeRule(set: AddressSet, subnet: Cidr): Request {
  const { proto, source, destination, multicast } = LAYOUT[set.family];
  const expressions = [
    ...expression.matchFamily(proto),
    expression.loadNetworkHeader(source, BITS[set.family] / 8),
    expression.lookupIn(set.name),
    ...outside(subnet, destination),
    ...outside(parseCidr(multicast) as Cidr, destination),
    expression.masquerade(),
  ];
  return appendRule({ table: TABLE, chain: CHAIN, expressions, comment: set.name });
}

function outside(network: Cidr, offset: number): Attribute[] {
  const value = ipToBytes(network.ip);
  const load = expression.loadNetworkHeader(offset, value.length);
  return [load, expression.maskWith(maskOf(network)), expression.differsFrom(value)];
}

/** The prefix's bits as bytes. */
function maskOf({ ip, prefix }: Cidr): Uint8Array {
  const bits = BITS[ip.family];
  const ones = (1n << BigInt(bits)) - (1n << BigInt(bits - prefix));
  return ipToBytes({ family: ip.family, value: ones });
}
