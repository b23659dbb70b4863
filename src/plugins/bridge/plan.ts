/** The plan of an attachment: what its configuration and its addresses amount to, as resources. */

import { type Cidr, firstValue, formatCidr, networkOf, sameCidr } from '../../address/cidr.ts';
import type { Family, Ip } from '../../address/ip.ts';
import { podText } from '../../ipam/index.ts';
import type { Link } from '../../netlink/route/link.ts';
import { addressingKind, type ContainerAddress } from '../../resources/addressing/addressing.ts';
import { bridgeKind } from '../../resources/bridge/bridge.ts';
import { isOwnBridge } from '../../resources/bridge/bridge-link.ts';
import { fittingMtu, type Mtu } from '../../resources/bridge/mtu.ts';
import { forwardAcceptKind } from '../../resources/forward-accept/forward-accept.ts';
import { forwardingKind } from '../../resources/forwarding/forwarding.ts';
import { gatewayKind } from '../../resources/gateway/gateway.ts';
import { guardKind } from '../../resources/guard/guard.ts';
import { masqueradeKind } from '../../resources/masquerade/masquerade.ts';
import { containerMac, hostVethName } from '../../resources/names.ts';
import { type Plan, type Resource, resource } from '../../resources/plan.ts';
import { portKind } from '../../resources/port/port.ts';
import { vlanGatewayKind } from '../../resources/vlan/vlan-gateway.ts';
import type { Route } from '../../schema/net.ts';
import type { Allocation } from '../allocation.ts';
import type { MainRequest } from './request.ts';
import { gatewayVlan, type Settings } from './settings.ts';

/** What a plan says of the port beside the settings. */
export interface PortFacts {
  /** The name of the host veth. */
  readonly name: string;
  /** The MAC of the container's interface; undefined for CHECK where the result names none. */
  readonly mac: Uint8Array | undefined;
  readonly mtu: Mtu;
  /** The bridge exists, and another program made it. */
  readonly isBridgeOfOthers?: boolean;
}

/**
 * The port that ADD makes; `bridge` is the bridge as it was found, if it is there. `inherit` finds the MTU where the
 * configuration names none.
 */
export function newPort(request: MainRequest, settings: Settings, inherit: () => Mtu, bridge?: Link): PortFacts {
  const mtu = settings.mtu === undefined ? inherit() : configuredMtu(settings);
  const isBridgeOfOthers = bridge !== undefined && !isOwnBridge(bridge);
  return { name: hostVethName(request), mac: macOf(request), mtu, isBridgeOfOthers };
}

/** The MTU of the configuration; undefined, for any MTU, where it names none. */
export function configuredMtu({ mtu }: Settings): Mtu {
  return { value: mtu, from: 'configuration' };
}

/**
 * The resources in the order in which they are made; they are removed in the reverse order. Guard and accept come before the
 * port: no frame passes unguarded, and no DEL, which needs the lock too, takes the accept for unused. The masquerading comes
 * before forwarding is turned on.
 */
export function attachmentPlan(
  request: MainRequest,
  settings: Settings,
  allocation: Pick<Allocation, 'addresses' | 'routes' | 'gateways'>,
  port: PortFacts,
): Plan {
  const { bridge, isGateway, ipMasq, backend, promiscuous, hairpin, isolated, keepDown, detectDuplicates } = settings;
  const { network, containerId, ifName, dataDir } = request;
  const key = { network, containerId, ifName, dataDir };
  const { addresses, routes } = allocation;
  const mtu = fittingMtu(port.mtu, familiesOf(allocation));
  const gateways = isGateway ? gatewaysOf(allocation) : [];
  const others = (allocation.gateways ?? []).filter((one) => !gateways.some((gateway) => sameCidr(one, gateway)));
  const siblings = others.length > 0 ? others : undefined;
  const vlan = gateways.length > 0 ? gatewayVlan(settings.vlans) : undefined;
  const vlanKey = vlan === undefined ? {} : { vlan: vlan.vlan };
  const force = settings.forceAddress;
  return [
    resource(bridgeKind, {
      ...{ name: bridge, mtu, promiscuous, isGateway, isOthers: port.isBridgeOfOthers || undefined },
      ...{ vlanFiltering: settings.vlans !== undefined || undefined, guarded: settings.guarded || undefined },
    }),
    ...optional(vlan && resource(vlanGatewayKind, { bridge, mtu, ...vlan })),
    ...(gateways.length === 0
      ? []
      : [resource(gatewayKind, { bridge, ...vlanKey, addresses: gateways, siblings, force, port: port.name })]),
    ...accepts(settings, vlanKey, allocation),
    ...(settings.guarded ? [resource(guardKind, { ...key, bridge, port: port.name, mac: macOf(request) })] : []),
    resource(portKind, {
      ...key,
      name: port.name,
      pod: podText(request.pod) || undefined,
      mac: port.mac,
      mtu,
      bridge,
      hairpin,
      isolated,
      keepDown,
      vlans: settings.vlans?.port,
    }),
    ...(keepDown ? [] : [resource(addressingKind, { ifName, port: port.name, addresses, routes, detectDuplicates })]),
    ...(ipMasq && addresses.length > 0
      ? [resource(masqueradeKind, { ...key, addresses: addresses.map(({ address }) => address), backend })]
      : []),
    ...(isGateway ? [resource(forwardingKind, { families: [...familiesOf(allocation)] })] : []),
  ];
}

/**
 * The allocation as the main plugin uses it: with a gateway where IPAM named none, and the default routes that are asked for.
 */
export function withGateways(allocation: Allocation, settings: Settings): Allocation {
  if (!settings.isGateway) return allocation;
  const addresses = allocation.addresses.map(({ address, gateway }) => ({
    address,
    gateway: gateway ?? { family: address.ip.family, value: firstValue(address) + 1n },
  }));
  const routes = settings.isDefaultGateway ? withDefaultRoutes(allocation.routes, addresses) : allocation.routes;
  return { ...allocation, addresses, routes };
}

/** The MAC of the container, to which macspoofchk holds it. */
export function macOf(request: MainRequest): Uint8Array {
  return request.mac ?? containerMac(request);
}

/** The bridge's own addresses: each gateway, with its subnet's length. */
export function gatewaysOf({ addresses }: Pick<Allocation, 'addresses'>): Cidr[] {
  const gateways = addresses.flatMap(({ address, gateway }) => gateway && [{ ip: gateway, prefix: address.prefix }]);
  const present = gateways.filter((gateway): gateway is { ip: Ip; prefix: number } => gateway !== undefined);
  return [...new Map(present.map((gateway) => [formatCidr(gateway), gateway])).values()];
}

/** The families of the addresses. */
export function familiesOf({ addresses }: Pick<Allocation, 'addresses'>): Set<Family> {
  return new Set(addresses.map(({ address }) => address.ip.family));
}

/**
 * An accept for the bridge, which forwards bridged frames, and one for the gateway of the VLAN, which forwards what leaves the
 * VLAN.
 */
function accepts(
  { bridge, forward: mode }: Settings,
  vlanKey: { readonly vlan?: number },
  allocation: Pick<Allocation, 'addresses'>,
): Resource[] {
  if (mode === undefined) return [];
  const families = [...filteredFamilies(allocation)];
  const wanted = { bridge, mode, families, subnets: allocation.addresses.map(({ address }) => networkOf(address)) };
  const own = resource(forwardAcceptKind, wanted);
  return vlanKey.vlan === undefined ? [own] : [own, resource(forwardAcceptKind, { ...wanted, ...vlanKey })];
}

function optional<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}

/** The families that packet filters may see: without addresses, either. */
function filteredFamilies(allocation: Pick<Allocation, 'addresses'>): ReadonlySet<Family> {
  return allocation.addresses.length === 0 ? new Set([4, 6]) : familiesOf(allocation);
}

/** The routes, and a default route for each family that has an address with a gateway and no default route yet. */
function withDefaultRoutes(routes: readonly Route[], addresses: readonly ContainerAddress[]): Route[] {
  const added: Route[] = [];
  for (const { address, gateway } of addresses) {
    const { family } = address.ip;
    const isDefault = ({ dst, table }: Route) => dst.prefix === 0 && dst.ip.family === family && table === undefined;
    if (gateway === undefined || [...routes, ...added].some(isDefault)) continue;
    added.push({ dst: { ip: { family, value: 0n }, prefix: 0 }, gw: gateway });
  }
  return [...routes, ...added];
}
