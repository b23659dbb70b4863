/** What one call works on: the sockets of the node, and those of the container's network namespace. */

import type * as z from 'zod/mini';
import { Fault, reasonOf } from '../fault.ts';
import type { Log } from '../log.ts';
import { type Connection, closeConnection, connect } from '../netlink/connection.ts';
import type { Link } from '../netlink/route/link.ts';
import { openSocket, openWatch, type Watch } from '../netlink/socket.ts';
import { closeNetns, type Netns, openNetns, openOwnNetns, withNetns } from '../sys/netns.ts';

export interface Node {
  /** PATH as the runtime gave it, for the programs of iptables. */
  readonly searchPath: string;
  readonly netns: Netns;
  /** The rtnetlink socket. */
  readonly route: Connection;
  readonly log: Log;
  /** Links as this call last saw them, by name: one request serves all resources of a walk. */
  readonly links: Map<string, Link>;
  /** What could not be removed after a failure, a sentence each. */
  readonly leftovers: string[];
  /** The nf_tables socket, which the first call opens. @throws SystemError where the kernel has none */
  nft(): Connection;
  /** Opens a socket for notifications of changes to the node's links; the caller closes it. @throws KernelError */
  watchLinks(): Watch;
  /**
   * Opens a socket for notifications of changes to the node's IPv6 addresses and routes; the caller closes it.
   * @throws KernelError
   */
  watchAddresses(): Watch;
  /** The nf_tables socket if it is open. */
  openNft(): Connection | undefined;
  /** The container; undefined for DEL, GC and STATUS, which need none. */
  readonly container?: Container;
  /** The nftables generation in which the rules of the network were last compared; undefined where they are to be compared. */
  readonly comparedAt?: number | undefined;
  /** The other recorded attachments of the network that live; undefined where the call knows of none. */
  neighbours?(): readonly Neighbour[];
  /** The owner texts of the other recorded attachments of the network, whose records are not read. */
  owners?(): readonly string[];
  close(): void;
}

/** Another attachment of the same network, by its record. */
export interface Neighbour {
  /** See `ownerText`. */
  readonly owner: string;
  /** What its plan wants of a kind of resource. */
  wanted<Wanted>(kind: { readonly name: string; readonly schema: z.ZodMiniType<Wanted> }): readonly Wanted[];
  /** Whether nothing has begun to remove it; looks at the record's file each time. */
  isStaying(): boolean;
  /** Whether the process that makes the attachment still runs, and will make what is missing. */
  isBeingMade(): boolean;
}

export interface Container {
  readonly netns: Netns;
  /** An rtnetlink socket in the container's network namespace. */
  readonly route: Connection;
  /** Its links as this call last saw them, by name. */
  readonly links: Map<string, Pick<Link, 'index' | 'name' | 'mac' | 'mtu'>>;
  /** Opens a socket for notifications of changes to its IPv6 addresses and routes; the caller closes it. @throws KernelError */
  watchAddresses(): Watch;
  /** Runs `action` in the container's network namespace, for what has no socket (sysctls). */
  within<T>(action: () => T): T;
}

/** Opens the rtnetlink socket of the node. The caller closes the node. @throws SystemError, Fault `io` */
export function openNode(searchPath: string, log: Log): Node {
  const netns = openOwnNetns();
  const route = connect(openSocket('route'));
  let nft: Connection | undefined;
  return {
    searchPath,
    netns,
    route,
    log,
    links: new Map(),
    leftovers: [],
    nft: () => {
      nft ??= connect(openSocket('netfilter'));
      return nft;
    },
    openNft: () => nft,
    watchLinks: () => openWatch('link'),
    watchAddresses,
    close: () => {
      closeConnection(route);
      if (nft !== undefined) closeConnection(nft);
      closeNetns(netns);
    },
  };
}

/** Runs `act` with a node. @throws SystemError, Fault `io`, and whatever `act` throws */
export function withNode<T>(searchPath: string, log: Log, act: (node: Node) => T): T {
  const node = openNode(searchPath, log);
  try {
    return act(node);
  } finally {
    node.close();
  }
}

/**
 * Runs `act` with the container whose network namespace is at `path`. Its socket is opened inside, and stays bound to that
 * namespace.
 * @throws Fault `environment` where `path` leads to no network namespace, and whatever `act` throws
 */
export function withContainer<T>(node: Node, path: string, act: (container: Container) => T): T {
  const netns = openNetns(path);
  try {
    const route = connect(withNetns(node.netns, netns, () => openSocket('route')));
    try {
      const within = <R>(action: () => R): R => withNetns(node.netns, netns, action);
      return act({ netns, route, links: new Map(), watchAddresses: () => within(watchAddresses), within });
    } finally {
      closeConnection(route);
    }
  } finally {
    closeNetns(netns);
  }
}

/** The container of a call that has one. @throws Fault `internal` */
export function containerOf({ container }: Node): Container {
  if (container !== undefined) return container;
  throw new Fault('internal', 'cannot enter the container: this call has opened none');
}

/**
 * The neighbours for which a call puts back what was lost: all, or those whose owners are missing where they should be. The
 * process that makes an attachment adds what is its own itself, and would find it in its way.
 */
export function neighboursToRestore({ neighbours }: Node, missing?: ReadonlySet<string>): readonly Neighbour[] {
  return (neighbours?.() ?? []).filter((one) => missing?.has(one.owner) !== false && !one.isBeingMade());
}

/**
 * The living neighbours by which a loss shows: those whose owners are missing where they should be, and one of the others, since a
 * lost rule concerns all.
 */
export function suspectsOf({ neighbours }: Node, missing: ReadonlySet<string>): readonly Neighbour[] {
  const all = neighbours?.() ?? [];
  // Whether a neighbour lives is asked of few: each question reads files.
  const isLiving = (one: Neighbour) => !one.isBeingMade() && one.isStaying();
  const sample = all.find((one) => !missing.has(one.owner) && isLiving(one));
  return all.filter((one) => one === sample || (missing.has(one.owner) && isLiving(one)));
}

/**
 * Runs `inverse`, which takes back part of a step that has failed. An error of `inverse` is logged, and noted in
 * `node.leftovers`: the first error is what matters, and the lease of an attachment stays where something of it is left.
 * `what` completes the sentence "cannot …".
 */
export function takeBack({ log, leftovers }: Node, what: string, inverse: () => unknown): void {
  try {
    inverse();
  } catch (error) {
    const leftover = `cannot ${what} after a failure: ${reasonOf(error)}`;
    leftovers.push(leftover);
    log('error', leftover);
  }
}

function watchAddresses(): Watch {
  return openWatch('ipv6Address', 'ipv6Route');
}
