/** Network namespaces by the number that this one has for each other (linux/net_namespace.h). */

import { attrU32 } from '../attribute.ts';
import { pack } from '../bytes.ts';
import type { Request } from '../connection.ts';
import * as rt from './constants.ts';

/**
 * Asks for the namespace of that number, as IFLA_LINK_NETNSID has it. Refused with ENOENT where nobody holds it any more
 * (get_net_ns_by_id), with EINVAL by kernels before 5.0, which cannot be asked so.
 */
export function getNetns(id: number): Request {
  const attributes = [attrU32(rt.NETNSA_NSID, id)];
  // struct rtgenmsg, padded.
  const header = pack([1, rt.AF_UNSPEC], [1, 0], [2, 0]);
  return {
    operation: `find the network namespace ${id}`,
    type: rt.RTM_GETNSID,
    flags: 0,
    header,
    attributes,
    single: true,
  };
}
