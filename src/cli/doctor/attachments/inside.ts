/** What is in a container's network namespace: the interface of an attachment, its addresses, and the routes. */

import { Fault, reasonOf } from '../../../fault.ts';
import type { Netns } from '../../../ipam/index.ts';
import { execute, type Request } from '../../../netlink/connection.ts';
import type { Message } from '../../../netlink/message.ts';
import { decodeAddress, type LinkAddress, linkOfAddress, listAllAddresses } from '../../../netlink/route/address.ts';
import { RT_TABLE_UNSPEC } from '../../../netlink/route/constants.ts';
import { decodeLinkLook, type Link, listLinks, lookCloser } from '../../../netlink/route/link.ts';
import { decodeRoutes, type LinkRoute, listAllRoutes } from '../../../netlink/route/route.ts';
import { type Node, withContainer } from '../../../resources/node.ts';

export interface Inside {
  /** Undefined where there is no interface of that name. */
  interfaceNamed(name: string): InsideLink | undefined;
  /** The name of the interface of that index. */
  nameOf(index: number): string | undefined;
  /** Loopback is up. */
  readonly isLoopbackUp: boolean;
  /** The addresses of one interface. */
  addressesOf(index: number): readonly LinkAddress[];
  /** The routes of the main table to destinations with that prefix length. */
  routesOf(prefix: number): readonly LinkRoute[];
  /** The routes of every table. @throws KernelError, Fault */
  everyRoute(): readonly LinkRoute[];
}

export type InsideLink = Pick<Link, 'index' | 'name' | 'up' | 'carrier' | 'mac' | 'mtu' | 'peer'>;

/** Another network namespace than that of the attachment, or none. */
export interface Elsewhere {
  /** What the path leads to, as a clause that can follow a colon. */
  readonly instead: string;
  /** There is another network namespace at the path. */
  readonly isOther: boolean;
}

/** The loopback interface is the first in each network namespace (LOOPBACK_IFINDEX). */
const LOOPBACK = 1;

/**
 * Looks at all of it: three dumps, of which only what is asked for is decoded. @returns Elsewhere where the path does not lead
 * to the recorded network namespace. @throws KernelError
 */
export function lookInside(node: Node, { path, device, inode }: Netns): Inside | Elsewhere {
  try {
    return withContainer(node, path, ({ netns, route }) => {
      if (netns.device !== device || netns.inode !== inode) {
        return { instead: `it leads to net:[${netns.inode}]`, isOther: true };
      }
      const dump = (request: Request) => execute(route, request)[0] ?? [];
      return insideOf(node, path, dump(listLinks()), dump(listAllAddresses()), dump(listAllRoutes()));
    });
  } catch (error) {
    if (error instanceof Fault) return { instead: reasonOf(error), isOther: false };
    throw error;
  }
}

function insideOf(
  node: Node,
  path: string,
  links: readonly Message[],
  addresses: readonly Message[],
  routes: readonly Message[],
): Inside {
  const looks = links.map(({ payload }) => decodeLinkLook(payload));
  const close = new Map<string, InsideLink>();
  return {
    interfaceNamed: (name) => {
      const known = close.get(name);
      const look = known === undefined ? looks.find((one) => one.name === name) : undefined;
      if (look === undefined) return known;
      const link = { ...look, ...lookCloser(look) };
      close.set(name, link);
      return link;
    },
    nameOf: (index) => looks.find((one) => one.index === index)?.name,
    isLoopbackUp: looks.some(({ index, up }) => index === LOOPBACK && up),
    addressesOf: (index) =>
      addresses.filter(({ payload }) => linkOfAddress(payload) === index).map(({ payload }) => decodeAddress(payload)),
    routesOf: (prefix) =>
      routes.filter(({ payload }) => payload[1] === prefix).flatMap(({ payload }) => decodeRoutes(payload)),
    everyRoute: () =>
      withContainer(node, path, ({ route }) =>
        (execute(route, listAllRoutes(RT_TABLE_UNSPEC))[0] ?? []).flatMap(({ payload }) => decodeRoutes(payload)),
      ),
  };
}
