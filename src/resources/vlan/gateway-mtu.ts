/**
 * The MTU of a VLAN's gateway. A bridge port and a veth drop larger frames without an error, so the gateway must have the MTU
 * of the containers. A bridge needs no such care: its MTU follows the least of its ports', and it receives frames of any
 * length (br_mtu_auto_adjust, br_pass_frame_up in the kernel's net/bridge).
 */

import { type Connection, execute } from '../../netlink/connection.ts';
import type { Link } from '../../netlink/route/link.ts';
import { setLinkMtu } from '../../netlink/route/link-change.ts';
import { DEFAULT_MTU, verifyKeepsIpv6 } from '../bridge/mtu.ts';
import { off } from '../off.ts';
import { vlanUsers } from './vlan.ts';

interface Wanted {
  readonly vlan: number;
  /** Of the containers' ports; the kernel's default where it is absent. */
  readonly mtu?: number | undefined;
}

/**
 * Gives both ends the MTU. A larger MTU stays while another port of the VLAN has one: with TCP, the smaller side announces its
 * segment size, but the larger side gets no error for what a smaller gateway drops.
 * @returns whether anything was changed. @throws Fault `conflict` where the gateway would lose IPv6 addresses, KernelError
 */
export function ensurePairMtu(
  connection: Connection,
  bridge: Link,
  gateway: Link,
  port: Link,
  { vlan, mtu = DEFAULT_MTU }: Wanted,
): boolean {
  const ends = [port, gateway];
  const isLarger = (link: Link) => link.mtu > mtu;
  const mayBeLarger = ends.some(isLarger) && vlanUsers(connection, bridge, gateway, vlan).some(isLarger);
  const wrong = ends.filter((end) => (mayBeLarger ? end.mtu < mtu : end.mtu !== mtu));
  if (wrong.some(isLarger)) verifyKeepsIpv6(connection, gateway, mtu);
  for (const { index } of wrong) execute(connection, setLinkMtu(index, mtu));
  return wrong.length > 0;
}

/** @throws Fault `check` where an end takes less than the containers send. More may be for other containers. */
export function verifyPairMtu(gateway: Link, port: Link, { mtu }: Pick<Wanted, 'mtu'>): void {
  const tooSmall = mtu === undefined ? undefined : [gateway, port].find((end) => end.mtu < mtu);
  if (tooSmall !== undefined) throw off(`the MTU of ${tooSmall.name} is ${tooSmall.mtu}, expected at least ${mtu}`);
}
