/**
 * Parameters of a netns that rtnetlink tells of (linux/netconf.h), which are asked for at every ADD. A file below
 * /proc/sys/net would do, but finding it takes the longer the more namespaces somebody looked at such files in before: their
 * directories stand in one hash chain (fs/proc/proc_sysctl.c, proc_sys_compare). Beside 500 containers that is 0.5 ms.
 */

import type { Family } from '../../address/ip.ts';
import { attrU32, decodeAttributes } from '../attribute.ts';
import { pack, readI32le } from '../bytes.ts';
import type { Request } from '../connection.ts';
import * as rt from './constants.ts';

/** Bytes of struct netconfmsg, with its padding. */
const HEADER = 4;

/** Asks for what `conf/all` holds. Refused with EOPNOTSUPP by a kernel without the family. */
export function getNetconf(family: Family): Request {
  const header = pack([1, family === 4 ? rt.AF_INET : rt.AF_INET6], [1, 0], [2, 0]);
  const attributes = [attrU32(rt.NETCONFA_IFINDEX, rt.NETCONFA_IFINDEX_ALL)];
  const operation = `ask for the parameters of IPv${family}`;
  return { operation, type: rt.RTM_GETNETCONF, flags: 0, header, attributes, single: true };
}

/** @returns sysctl ip_forward, or `conf/all/forwarding` of IPv6; undefined where the reply has none. @throws Truncated */
export function decodeForwarding(payload: Uint8Array): number | undefined {
  const value = decodeAttributes(payload.subarray(HEADER)).get(rt.NETCONFA_FORWARDING);
  return value && readI32le(value);
}
