/**
 * Network namespaces: the number that this one has for another (linux/net_namespace.h), and whether this one forwards
 * (linux/netconf.h).
 */

import type { Family } from '../../address/ip.ts';
import { type Attribute, attrU32, decodeAttributes, findAttribute } from '../attribute.ts';
import { pack, readI32le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import * as rt from './constants.ts';

/** struct rtgenmsg, padded. */
const HEADER = pack([1, rt.AF_UNSPEC], [1, 0], [2, 0]);

/** Bytes of struct netconfmsg, with its padding. */
const NETCONF_HEADER = 4;

/**
 * Asks for the namespace of that number, as IFLA_LINK_NETNSID has it. Refused with ENOENT where nothing holds the namespace
 * any more (get_net_ns_by_id), with EINVAL by kernels before 5.0, which take no number.
 */
export function getNetns(id: number): Request {
  return request(`find the network namespace ${id}`, attrU32(rt.NETNSA_NSID, id));
}

/** Asks for the number of the namespace whose file is open as `fd`. */
export function getNetnsNumber(fd: number): Request {
  return request('find the number of a network namespace', attrU32(rt.NETNSA_FD, fd));
}

/** @returns undefined for a namespace that has no number, since no link leads there. @throws Truncated */
export function decodeNetnsNumber(payload: Uint8Array): number | undefined {
  const bytes = findAttribute(payload.subarray(HEADER.length), rt.NETNSA_NSID);
  const number = bytes && readI32le(bytes);
  return number === rt.NETNSA_NSID_NOT_ASSIGNED ? undefined : number;
}

/** Asks for the parameters of `conf/all`. Refused with EOPNOTSUPP by a kernel without the family. */
export function getNetconf(family: Family): Request {
  const header = pack([1, family === 4 ? rt.AF_INET : rt.AF_INET6], [1, 0], [2, 0]);
  const attributes = [attrU32(rt.NETCONFA_IFINDEX, rt.NETCONFA_IFINDEX_ALL)];
  const operation = `ask for the parameters of IPv${family}`;
  return { operation, type: rt.RTM_GETNETCONF, flags: 0, header, attributes, single: true };
}

/** @returns sysctl ip_forward, or `conf/all/forwarding` of IPv6; undefined where the reply has none. @throws Truncated */
export function decodeForwarding(payload: Uint8Array): number | undefined {
  const value = decodeAttributes(payload.subarray(NETCONF_HEADER)).get(rt.NETCONFA_FORWARDING);
  return value && readI32le(value);
}

function request(operation: string, attribute: Attribute): Request {
  return { operation, type: rt.RTM_GETNSID, flags: 0, header: HEADER, attributes: [attribute], single: true };
}
