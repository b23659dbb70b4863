/** Wanted values as the tables of walks have them, for an attachment and families. */

import { formatCidr, networkOf } from '../../../src/address/cidr.ts';
import type { Family } from '../../../src/address/ip.ts';
import { addressingKind } from '../../../src/resources/addressing/addressing.ts';
import { type BridgeWanted, bridgeKind } from '../../../src/resources/bridge/bridge.ts';
import { forwardAcceptKind } from '../../../src/resources/forward-accept/forward-accept.ts';
import { forwardingKind } from '../../../src/resources/forwarding/forwarding.ts';
import { gatewayKind } from '../../../src/resources/gateway/gateway.ts';
import { guardKind } from '../../../src/resources/guard/guard.ts';
import { type Backend, masqueradeKind } from '../../../src/resources/masquerade/masquerade.ts';
import { containerMac, hostVethName } from '../../../src/resources/names.ts';
import { type Resource, resource } from '../../../src/resources/plan.ts';
import { type PortWanted, portKind } from '../../../src/resources/port/port.ts';
import { cidr, ip } from './values.ts';
import type { Who } from './walk.ts';

export type Families = readonly Family[];
export const FAMILIES: readonly Families[] = [[4], [6], [4, 6]];
export const familyText = (families: Families) => families.map((family) => `IPv${family}`).join(' and ');

const SUBNET = { 4: '10.1.0', 6: 'fd00:1:' } as const;
const LENGTH = { 4: 24, 6: 64 } as const;
const SEPARATOR = { 4: '.', 6: ':' } as const;

/** `10.1.0.2`, `fd00:1::2`. */
export function addressText(family: Family, host: number): string {
  return `${SUBNET[family]}${SEPARATOR[family]}${host}`;
}

export function addressOf(family: Family, host: number) {
  return cidr(`${addressText(family, host)}/${LENGTH[family]}`);
}

/** `10.1.0.0/24`, `fd00:1::/64`. */
export function subnetText(family: Family): string {
  return formatCidr(networkOf(addressOf(family, 0)));
}

export function keyOf({ network, containerId, ifName, dataDir }: Who) {
  return { network, containerId, ifName, dataDir };
}

export function bridge(changes: Partial<BridgeWanted> = {}): Resource {
  return resource(bridgeKind, { name: 'cni0', promiscuous: false, isGateway: true, mtu: 1400, ...changes });
}

export function gateway(who: Who, families: Families): Resource {
  const addresses = families.map((family) => addressOf(family, 1));
  return resource(gatewayKind, { bridge: 'cni0', addresses, force: false, port: hostVethName(who) });
}

export function port(who: Who, changes: Partial<PortWanted> = {}): Resource {
  return resource(portKind, {
    ...{ ...keyOf(who), name: hostVethName(who), bridge: 'cni0', mac: containerMac(who), mtu: 1400 },
    ...{ hairpin: false, isolated: false, keepDown: false, ...changes },
  });
}

/** With a default route for each family, and another one. */
export function addressing(who: Who, families: Families): Resource {
  return resource(addressingKind, {
    ...{ ifName: who.ifName, port: hostVethName(who), detectDuplicates: false },
    addresses: families.map((family) => ({
      address: addressOf(family, who.host),
      gateway: ip(addressText(family, 1)),
    })),
    routes: families.flatMap((family) => [
      { dst: cidr(family === 4 ? '0.0.0.0/0' : '::/0'), gw: ip(addressText(family, 1)) },
      { dst: cidr(family === 4 ? '192.0.2.0/24' : '2001:db8:2::/64') },
    ]),
  });
}

export function masquerade(who: Who, families: Families, backend: Backend): Resource {
  const addresses = families.map((family) => addressOf(family, who.host));
  return resource(masqueradeKind, { ...keyOf(who), addresses, backend });
}

export function accept(families: Families, mode: 'auto' | 'open' = 'auto'): Resource {
  return resource(forwardAcceptKind, { bridge: 'cni0', mode, families });
}

export function guard(who: Who): Resource {
  return resource(guardKind, { ...keyOf(who), bridge: 'cni0', port: hostVethName(who), mac: containerMac(who) });
}

export function forwarding(families: Families): Resource {
  return resource(forwardingKind, { families });
}
