/** The result of ADD: the interfaces that it made, and the addresses. */

import { formatMac } from '../../address/mac.ts';
import type { Result } from '../../cni/result.ts';
import type { Link } from '../../netlink/route/link.ts';
import { isOwnBridge } from '../../resources/bridge/bridge-link.ts';
import { findLink, linkNamed } from '../../resources/links.ts';
import { containerOf, type Node } from '../../resources/node.ts';
import { type Plan, wantedOf } from '../../resources/plan.ts';
import { portKind } from '../../resources/port/port.ts';
import { vlanGatewayName } from '../../resources/vlan/gateway-pair.ts';
import { vlanGatewayKind } from '../../resources/vlan/vlan-gateway.ts';
import type { Allocation } from '../allocation.ts';
import type { MainRequest } from './request.ts';
import type { Settings } from './settings.ts';

/** Interfaces come in the order of the reference: bridge, host veth, container, the gateway of the VLAN. @throws KernelError */
export function addResult(
  node: Node,
  { netns, ifName }: MainRequest,
  settings: Settings,
  made: Plan,
  { addresses, routes, dns }: Allocation,
): Result {
  const bridge = asItIsNow(node, linkNamed(node, settings.bridge));
  const [port] = wantedOf(made, portKind);
  const host = linkNamed(node, port?.name ?? '');
  const container = containerOf(node).links.get(ifName) ?? { name: ifName, mac: new Uint8Array(6), mtu: 0 };
  const gateways = wantedOf(made, vlanGatewayKind).map(({ vlan }) =>
    linkNamed(node, vlanGatewayName(settings.bridge, vlan)),
  );
  const identity = ({ name, mac }: Pick<Link, 'name' | 'mac'>) => ({ name, mac: formatMac(mac) });
  const inside = { ...identity(container), mtu: container.mtu, sandbox: netns };
  return {
    interfaces: [identity(bridge), identity(host), inside, ...gateways.map(identity)],
    ips: addresses.map((address) => ({ ...address, interface: 2 })),
    routes,
    dns,
  };
}

/** Reads a bridge that is not ours again, since it may have taken another MAC with the new port. */
function asItIsNow({ route }: Node, bridge: Link): Link {
  return isOwnBridge(bridge) ? bridge : (findLink(route, bridge.index) ?? bridge);
}
