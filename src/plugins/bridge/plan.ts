/** The plan of an attachment: what its configuration and its addresses amount to, as resources. */

import { sameCidr } from '../../address/cidr.ts';
import type { Link } from '../../netlink/route/link.ts';
import { addressingKind } from '../../resources/addressing/addressing.ts';
import { bridgeKind } from '../../resources/bridge/bridge.ts';
import { isOwnBridge } from '../../resources/bridge/bridge-link.ts';
import { fittingMtu, type Mtu } from '../../resources/bridge/mtu.ts';
import { forwardAcceptKind } from '../../resources/forward-accept/forward-accept.ts';
import { forwardingKind } from '../../resources/forwarding/forwarding.ts';
import { gatewayKind } from '../../resources/gateway/gateway.ts';
import { guardKind } from '../../resources/guard/guard-kind.ts';
import { masqueradeKind } from '../../resources/masquerade/backend.ts';
import { containerMac, hostVethName } from '../../resources/names.ts';
import { type Plan, type Resource, resource } from '../../resources/plan.ts';
import { portKind } from '../../resources/port/port.ts';
import { vlanGatewayKind } from '../../resources/vlan/vlan-gateway.ts';
import type { Allocation } from '../allocation.ts';
import { familiesOf, filteredFamilies, gatewaysOf } from './gateways.ts';
import type { MainRequest } from './request.ts';
import type { Settings } from './settings.ts';
import { gatewayVlan } from './vlan-settings.ts';

/** What a plan says of the port beside the settings. */
export interface PortFacts {
  /** The name of the host veth. */
  readonly name: string;
  /** Of the container's interface; undefined for CHECK where the result names none. */
  readonly mac: Uint8Array | undefined;
  readonly mtu: Mtu;
  /** The bridge is there, and somebody else made it. */
  readonly isBridgeOfOthers?: boolean;
}

/** The port as ADD makes it on a bridge, if that is there. `inherit` finds the MTU where the configuration names none. */
export function newPort(
  request: MainRequest,
  settings: Settings,
  inherit: () => Mtu,
  bridge: Link | undefined,
): PortFacts {
  const mtu = settings.mtu === undefined ? inherit() : configuredMtu(settings);
  const isBridgeOfOthers = bridge !== undefined && !isOwnBridge(bridge);
  return { name: hostVethName(request), mac: macOf(request), mtu, isBridgeOfOthers };
}

/** The MTU of the configuration; without one, any. */
export function configuredMtu({ mtu }: Settings): Mtu {
  return { value: mtu, from: 'configuration' };
}

/**
 * The resources in the order in which they are made; they are removed in the reverse order. What is masqueraded or guarded is so before
 * it can send, and the accept is there before the port, under one lock, so that no DEL takes it for unused.
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
    ...optional(vlan && resource(vlanGatewayKind, { bridge, ...vlan })),
    ...(gateways.length === 0
      ? []
      : [resource(gatewayKind, { bridge, ...vlanKey, addresses: gateways, siblings, force, port: port.name })]),
    ...accepts(settings, vlanKey, allocation),
    ...(settings.guarded ? [resource(guardKind, { ...key, bridge, port: port.name, mac: macOf(request) })] : []),
    resource(portKind, {
      ...key,
      name: port.name,
      mac: port.mac,
      mtu,
      bridge,
      hairpin,
      isolated,
      keepDown,
      vlans: settings.vlans?.port,
    }),
    ...(keepDown ? [] : [resource(addressingKind, { ifName, addresses, routes, detectDuplicates })]),
    ...(ipMasq && addresses.length > 0
      ? [resource(masqueradeKind, { ...key, addresses: addresses.map(({ address }) => address), backend })]
      : []),
    ...(isGateway ? [resource(forwardingKind, { families: [...familiesOf(allocation)] })] : []),
  ];
}

/** The MAC that the container gets, and with macspoofchk is held to. */
export function macOf(request: MainRequest): Uint8Array {
  return request.mac ?? containerMac(request);
}

/** Bridged frames go by the bridge, what leaves a VLAN by its gateway. */
function accepts(
  { bridge, forward: mode }: Settings,
  vlanKey: { readonly vlan?: number },
  allocation: Pick<Allocation, 'addresses'>,
): Resource[] {
  if (mode === undefined) return [];
  const families = [...filteredFamilies(allocation)];
  const own = resource(forwardAcceptKind, { bridge, mode, families });
  return vlanKey.vlan === undefined
    ? [own]
    : [own, resource(forwardAcceptKind, { bridge, ...vlanKey, mode, families })];
}

function optional<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
