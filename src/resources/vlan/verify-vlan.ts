/** Comparing VLANs with what ADD made of them. Only reads. */

import type { Connection } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findLink } from '../links.ts';
import { off } from '../off.ts';
import { findPortVlans, formatVlans, hasVlans, untagged, type VlanMembership } from './vlan.ts';
import { gatewayPort, type VlanGateway, vlanGatewayName } from './vlan-gateway.ts';

/** @throws Fault `check` unless the port is in its VLANs, and in no others but the default one where that is kept */
export function verifyPortVlans(connection: Connection, port: Link, expected: VlanMembership): void {
  const present = findPortVlans(connection, port.index);
  if (hasVlans(present, expected)) return;
  throw off(`the VLANs of ${port.name} are ${formatVlans(present)}, expected ${formatVlans(expected.vlans)}`);
}

/** @throws Fault `check` unless the VLAN's gateway, which is returned, is there, up, and a way into the VLAN */
export function verifyVlanGateway(connection: Connection, bridge: Link, { vlan, keepDefault }: VlanGateway): Link {
  const name = vlanGatewayName(bridge.name, vlan);
  const gateway = findLink(connection, name);
  if (gateway === undefined) throw off(`the VLAN gateway ${name} is missing`);
  if (!gateway.up) throw off(`the VLAN gateway ${name} is down, expected up`);
  const port = gatewayPort(connection, bridge, gateway);
  if (port === undefined) throw off(`the VLAN gateway ${name} does not lead to a port of ${bridge.name}`);
  if (!port.up) throw off(`the bridge port ${port.name} of the VLAN gateway ${name} is down, expected up`);
  verifyPortVlans(connection, port, { vlans: [untagged(vlan)], keepDefault });
  return gateway;
}
