/** Comparing both ends of an attachment's veth pair with what is wanted. Only reads. */

import { formatMac } from '../../address/mac.ts';
import type { Connection } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { findLink } from '../links.ts';
import { off } from '../off.ts';

export interface ExpectedPort {
  readonly name: string;
  readonly hairpin: boolean;
  readonly isolated: boolean;
  readonly mtu: number | undefined;
}

/** @throws Fault `check` unless the host veth is there, up, and a port of the bridge as it was set up */
export function verifyHostVeth(connection: Connection, bridge: Link, expected: ExpectedPort): Link {
  const link = findLink(connection, expected.name);
  if (link === undefined) throw off(`the host veth ${expected.name} is missing`);
  if (link.kind !== 'veth') throw off(`${link.name} is no veth but ${link.kind ?? 'a device'}`);
  if (!link.up) throw off(`the host veth ${link.name} is down, expected up`);
  if (link.master !== bridge.index)
    throw off(`the host veth ${link.name} is not a port of ${bridge.name}: ${masterText(connection, link)}`);
  if (expected.mtu !== undefined && link.mtu !== expected.mtu) {
    throw off(`the MTU of ${link.name} is ${link.mtu}, expected ${expected.mtu}`);
  }
  if (expected.hairpin && !link.port?.hairpin) throw off(`hairpin mode of ${link.name} is off, expected on`);
  if (expected.isolated && !link.port?.isolated) throw off(`port isolation of ${link.name} is off, expected on`);
  return link;
}

export interface ExpectedInterface {
  readonly name: string;
  readonly up: boolean;
  readonly mac: string | undefined;
}

/** @throws Fault `check` unless the container's interface is there, up, the other end of `host`, and has its MAC */
export function verifyContainerInterface(connection: Connection, host: Link, expected: ExpectedInterface): Link {
  const link = findLink(connection, expected.name);
  if (link === undefined) throw off(`the interface ${expected.name} is missing in the container`);
  if (link.up !== expected.up) {
    throw off(`the interface ${link.name} in the container is ${upText(link.up)}, expected ${upText(expected.up)}`);
  }
  if (link.kind !== 'veth' || link.peer !== host.index || host.peer !== link.index) {
    throw off(`the interface ${link.name} in the container is not the other end of ${host.name}`);
  }
  const mac = formatMac(link.mac);
  if (expected.mac !== undefined && expected.mac.toLowerCase() !== mac) {
    throw off(`the MAC of ${link.name} in the container is ${mac}, expected ${expected.mac}`);
  }
  return link;
}

function masterText(connection: Connection, { master }: Link): string {
  const other = master === undefined ? undefined : findLink(connection, master);
  return other === undefined ? 'it is on no bridge' : `it is a port of ${other.name}`;
}

function upText(up: boolean): string {
  return up ? 'up' : 'down';
}
