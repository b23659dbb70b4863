/** What an attachment wants of its port and its addresses, and both of them made as ADD makes them. */

import { type AddressingWanted, addressingKind } from '../../../src/resources/addressing/addressing.ts';
import { containerMac, hostVethName } from '../../../src/resources/names.ts';
import { type PortWanted, portKind } from '../../../src/resources/port/port.ts';
import { ATTACHMENT, bridgeOf, SETTINGS } from './attach.ts';
import type { Kernels } from './inside.ts';
import { cidr, ip } from './values.ts';

export const V4 = { address: cidr('10.1.0.2/24'), gateway: ip('10.1.0.1') };
export const V6 = { address: cidr('fd00:1::2/64'), gateway: ip('fd00:1::1') };

export const PORT: PortWanted = {
  ...ATTACHMENT,
  name: SETTINGS.name,
  bridge: 'cni0',
  mac: containerMac(ATTACHMENT),
  mtu: 1400,
  hairpin: true,
  isolated: true,
  keepDown: false,
};

export const ADDRESSING: AddressingWanted = {
  ifName: ATTACHMENT.ifName,
  port: SETTINGS.name,
  addresses: [V4, V6],
  routes: [{ dst: cidr('0.0.0.0/0'), gw: ip('10.1.0.1') }, { dst: cidr('fd09::/48') }],
  detectDuplicates: false,
};

/** The port on its bridge, which is made if need be. */
export function ensurePort(kernels: Kernels, changes: Partial<PortWanted> = {}): void {
  bridgeOf(kernels);
  portKind.ensure(kernels.node, { ...PORT, ...changes });
}

/** The same, and what the interface in the container gets. */
export function ensureAttachment(kernels: Kernels, changes: Partial<AddressingWanted> = {}): void {
  ensurePort(kernels);
  addressingKind.ensure(kernels.node, { ...ADDRESSING, ...changes });
}

/** The same of another container, with a host veth and a MAC of its own. */
export function ensureAttachmentOf(
  containerId: string,
  kernels: Kernels,
  changes: Partial<AddressingWanted> = {},
): PortWanted {
  const key = { ...ATTACHMENT, containerId };
  const port = { ...PORT, ...key, name: hostVethName(key), mac: containerMac(key), isolated: false };
  ensurePort(kernels, port);
  addressingKind.ensure(kernels.node, { ...ADDRESSING, port: port.name, ...changes });
  return port;
}
