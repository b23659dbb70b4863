/** The bridge that containers are ports of. */

import * as z from 'zod/mini';
import { Fault } from '../../fault.ts';
import type { Connection } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { mtu, object } from '../../schema/net.ts';
import { withBridgeLock } from '../bridge-lock.ts';
import { findLink, findLinks } from '../links.ts';
import { isOurAlias } from '../names.ts';
import type { Node } from '../node.ts';
import { findingOf, type Kind, nothingOwned, off } from '../resource.ts';
import { verifyVlanFilterable } from '../vlan/vlan.ts';
import {
  type BridgeSettings,
  closeGatewayToAdvertisements,
  ensureBridge,
  findBridge,
  verifyAdvertisementsRefused,
} from './bridge-link.ts';
import { verifyKeepsIpv6 } from './mtu.ts';
import { hasNotes, takeBackOptions, verifyOptions, wantsOptions } from './options.ts';

const flag = z.boolean();

/** BR_MAX_PORTS in the kernel's net/bridge/br_private.h is 1024, and no port has the number 0. */
const MOST_PORTS = 1023;
/** The number of ports from which on STATUS warns. */
const MANY_PORTS = Math.ceil(MOST_PORTS * 0.9);

const FULL_DETAILS =
  'Give the network another "bridge", or see to it that containers that are gone are deleted (DEL, GC).';

export interface BridgeWanted extends BridgeSettings {
  /** The node is a gateway on the bridge, so no router advertisement of a port may configure the node. */
  readonly isGateway: boolean;
  /** Another program made the bridge: the last DEL turns off the options that an ADD turned on. */
  readonly isOthers?: boolean | undefined;
}

/**
 * The bridge of an attachment. It stays when the last port is gone, as the reference's does. ADD holds the lock of the bridges
 * until the port is there, so that no DEL takes back an option that this attachment needs.
 */
export const bridgeKind: Kind<BridgeWanted> = {
  name: 'bridge',
  schema: object(
    { name: z.string(), promiscuous: flag, isGateway: flag },
    { mtu, vlanFiltering: flag, guarded: flag, isOthers: flag },
  ),
  ensure({ route, links, log }, wanted) {
    const seen = wantsOptions(wanted) ? undefined : links.get(wanted.name);
    const bridge = ensureBridge(route, seen ?? findBridge(route, wanted.name), wanted, log);
    links.set(wanted.name, bridge);
    verifyKeepsIpv6(route, bridge, wanted.mtu);
    if (wanted.isGateway) closeGatewayToAdvertisements(route, bridge, log);
  },
  verify: (node, wanted) => findingOf(() => verifyBridge(node, wanted)),
  remove(node, { name, isOthers }) {
    const bridge = isOthers ? findLink(node.route, name) : undefined;
    if (bridge !== undefined && hasNotes(bridge)) withBridgeLock(node, () => takeBackUnusedOptions(node, bridge.index));
  },
  survey: nothingOwned,
  able({ route }, { name, vlanFiltering }) {
    const bridge = findBridge(route, name);
    if (vlanFiltering) verifyVlanFilterable(route);
    return bridge && portShortage(route, bridge);
  },
};

/** The Fault of a port that the kernel refuses with EXFULL. */
export function bridgeFull({ name }: Pick<Link, 'name'>, cause?: unknown): Fault {
  return full('exhausted', name, cause);
}

/** Takes back the options of a bridge on which no port of ours is left. */
function takeBackUnusedOptions({ route }: Node, index: number): void {
  const bridge = findLink(route, index);
  if (bridge === undefined || findLinks(route, index).some(({ alias }) => isOurAlias(alias))) return;
  takeBackOptions(route, bridge);
}

/** @throws Fault `check` unless the bridge is there, up, and has its options */
function verifyBridge({ route, links }: Node, wanted: BridgeWanted): void {
  const bridge = findBridge(route, wanted.name);
  if (bridge === undefined) throw off(`the bridge ${wanted.name} is missing`);
  links.set(wanted.name, bridge);
  if (!bridge.up) throw off(`the bridge ${wanted.name} is down, expected up`);
  verifyAdvertisementsRefused(bridge);
  verifyOptions(bridge, wanted);
}

/** @returns a Fault `limited` for a bridge that is full, or nearly. @throws KernelError */
function portShortage(connection: Connection, { name, index }: Link): Fault | undefined {
  const count = findLinks(connection, index).length;
  if (count >= MOST_PORTS) return full('limited', name);
  if (count < MANY_PORTS) return undefined;
  return new Fault('limited', `the bridge ${name} has ${count} ports, and the kernel allows ${MOST_PORTS}`, {
    details: FULL_DETAILS,
  });
}

function full(kind: 'exhausted' | 'limited', name: string, cause?: unknown): Fault {
  const reason = `it has ${MOST_PORTS} ports, the most that the kernel allows (BR_MAX_PORTS)`;
  return new Fault(kind, `cannot use the bridge ${name}: ${reason}`, { cause, details: FULL_DETAILS });
}
