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

export interface BridgeWanted extends BridgeSettings {
  /** The node is a gateway on it, so no port may configure the node by router advertisements. */
  readonly isGateway: boolean;
  /** Another program made it: the last DEL turns off what ADD turned on. */
  readonly isOthers?: boolean | undefined;
}

/**
 * The bridge of an attachment. It stays when the last port is gone, as the reference's does. ADD holds the lock of the bridges until
 * the port is there, so that no DEL takes back an option that this attachment needs.
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
    if (bridge !== undefined && hasNotes(bridge)) withBridgeLock(node, () => leave(node, bridge.index));
  },
  survey: nothingOwned,
  able({ route }, { name, vlanFiltering }) {
    const bridge = findBridge(route, name);
    if (vlanFiltering) verifyVlanFilterable(route);
    return bridge && portShortage(route, bridge);
  },
};

/** Takes back the options of a bridge that no port of ours is left on. */
function leave({ route }: Node, index: number): void {
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

/** BR_MAX_PORTS in the kernel's net/bridge/br_private.h is 1024, and no port has the number 0. */
const MOST = 1023;
/** From here on STATUS warns. */
const MANY = Math.ceil(MOST * 0.9);

const DETAILS = 'Give the network another "bridge", or see to it that containers that are gone are deleted (DEL, GC).';

/** What the kernel means when it refuses another port with EXFULL. */
export function bridgeFull({ name }: Pick<Link, 'name'>, cause?: unknown): Fault {
  return full('exhausted', name, cause);
}

/** Lists the ports. @returns a Fault `limited` for a bridge that is full, or will be soon. @throws KernelError */
function portShortage(connection: Connection, { name, index }: Link): Fault | undefined {
  const count = findLinks(connection, index).length;
  if (count >= MOST) return full('limited', name);
  if (count < MANY) return undefined;
  return new Fault('limited', `the bridge ${name} has ${count} ports, and the kernel allows ${MOST}`, {
    details: DETAILS,
  });
}

function full(kind: 'exhausted' | 'limited', name: string, cause?: unknown): Fault {
  const reason = `it has ${MOST} ports, the most that the kernel allows (BR_MAX_PORTS)`;
  return new Fault(kind, `cannot use the bridge ${name}: ${reason}`, { cause, details: DETAILS });
}
