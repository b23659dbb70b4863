/** What an attachment wants of a resource, in a few words. */

import { formatCidr } from '../../address/cidr.ts';
import { formatIp } from '../../address/ip.ts';
import { formatMac } from '../../address/mac.ts';
import { addressingKind } from '../../resources/addressing/addressing.ts';
import { bridgeKind } from '../../resources/bridge/bridge.ts';
import { forwardAcceptKind } from '../../resources/forward-accept/forward-accept.ts';
import { forwardingKind } from '../../resources/forwarding/forwarding.ts';
import { gatewayKind } from '../../resources/gateway/gateway.ts';
import { guardKind } from '../../resources/guard/guard.ts';
import { masqueradeKind } from '../../resources/masquerade/masquerade.ts';
import { portKind } from '../../resources/port/port.ts';
import type { Kind } from '../../resources/resource.ts';
import { vlanGatewayKind } from '../../resources/vlan/vlan-gateway.ts';

type Words = (wanted: unknown) => string;

/** Pairs a kind with the words for what is wanted of it. */
function words<Wanted>({ name }: Kind<Wanted>, say: (wanted: Wanted) => string): [string, Words] {
  return [name, say as Words];
}

const WORDS: ReadonlyMap<string, Words> = new Map([
  words(bridgeKind, ({ name, mtu }) => `${name}${mtu === undefined ? '' : `, MTU ${mtu}`}`),
  words(vlanGatewayKind, ({ bridge, vlan }) => `VLAN ${vlan} on ${bridge}`),
  words(gatewayKind, ({ bridge, vlan, addresses }) => {
    const where = vlan === undefined ? bridge : `VLAN ${vlan} of ${bridge}`;
    return `${addresses.map(formatCidr).join(' ')} on ${where}`;
  }),
  words(forwardAcceptKind, ({ bridge, families, mode }) => `${familiesText(families)} through ${bridge}, mode ${mode}`),
  words(guardKind, ({ port, mac }) => `only ${formatMac(mac)} on ${port}`),
  words(portKind, ({ name, bridge, ifName }) => `${ifName} by ${name} on ${bridge}`),
  words(addressingKind, ({ addresses, routes }) => {
    const shown = addresses.map(({ address }) => formatCidr(address)).join(' ');
    const ways = routes.length === 1 ? '1 route' : `${routes.length} routes`;
    return `${shown === '' ? 'no address' : shown}, ${ways}`;
  }),
  words(
    masqueradeKind,
    ({ addresses, backend }) => `${addresses.map(({ ip }) => formatIp(ip)).join(' ')} (${backend})`,
  ),
  words(forwardingKind, ({ families }) => familiesText(families)),
]);

/** `eth0 by veth1a2b on cni0` for a port; empty for a kind without words. `wanted` is of that kind. */
export function resourceText(kind: string, wanted: unknown): string {
  return WORDS.get(kind)?.(wanted) ?? '';
}

function familiesText(families: readonly number[]): string {
  return families.map((family) => `IPv${family}`).join(' and ');
}
