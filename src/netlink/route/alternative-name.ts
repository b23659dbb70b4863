/** Alternative names of a link (IFLA_PROP_LIST, since Linux 5.5), under which it can be found too: `ip link property`. */

import { attrNest, attrText, listAttributes } from '../attribute.ts';
import { readCString } from '../bytes.ts';
import type { Request } from '../connection.ts';
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL } from '../message.ts';
import * as rt from './constants.ts';
import { encodeLinkHeader, type Link } from './link.ts';

/** Refused with EEXIST where any link of the netns has the name, and with EOPNOTSUPP by kernels before 5.5. */
export function addAlternativeName(index: number, name: string): Request {
  const flags = NLM_F_EXCL | NLM_F_CREATE | NLM_F_APPEND;
  return { operation: `add the alternative name ${name}`, type: rt.RTM_NEWLINKPROP, flags, ...properties(index, name) };
}

/** Refused with EINVAL where the link does not have the name. */
export function removeAlternativeName(index: number, name: string): Request {
  return {
    operation: `remove the alternative name ${name}`,
    type: rt.RTM_DELLINKPROP,
    flags: 0,
    ...properties(index, name),
  };
}

/** @throws Truncated */
export function alternativeNames({ properties }: Pick<Link, 'properties'>): string[] {
  const names = properties === undefined ? [] : listAttributes(properties);
  return names.filter(({ type }) => type === rt.IFLA_ALT_IFNAME).map(({ payload }) => readCString(payload));
}

function properties(index: number, name: string): Pick<Request, 'header' | 'attributes'> {
  const list = attrNest(rt.IFLA_PROP_LIST, attrText(rt.IFLA_ALT_IFNAME, name));
  return { header: encodeLinkHeader({ index }), attributes: [list] };
}
