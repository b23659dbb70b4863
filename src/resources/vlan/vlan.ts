/** The VLANs of bridge ports, and whether the kernel's bridges filter by VLAN. */

import { Fault } from '../../fault.ts';
import { type Connection, execute } from '../../netlink/connection.ts';
import { isKernelError } from '../../netlink/error.ts';
import type { Link } from '../../netlink/route/link.ts';
import {
  addPortVlans,
  clearPortVlans,
  decodePortVlans,
  listPortVlans,
  tryVlanFiltering,
  type VlanRange,
} from '../../netlink/route/vlan.ts';
import { EINVAL, EOPNOTSUPP, EPROTONOSUPPORT } from '../../sys/errno.ts';
import { findLinks } from '../links.ts';
import { off } from '../resource.ts';

/** The VLANs that a port joins. Without any, the port stays in the bridge's default VLAN. */
export interface VlanMembership {
  readonly vlans: readonly VlanRange[];
  /** The port also stays in the bridge's default VLAN. */
  readonly keepDefault: boolean;
}

/** @throws Fault `unsupported` where the kernel's bridges do not filter by VLAN. Changes nothing. */
export function verifyVlanFilterable(connection: Connection): void {
  try {
    execute(connection, tryVlanFiltering());
  } catch (cause) {
    if (isKernelError(cause, EPROTONOSUPPORT)) return;
    if (!isKernelError(cause, EINVAL) && !isKernelError(cause, EOPNOTSUPP)) throw cause;
    throw new Fault('unsupported', 'cannot use VLANs: bridges of this kernel do not filter by VLAN', {
      cause,
      details: 'It needs CONFIG_BRIDGE_VLAN_FILTERING. Or leave "vlan" and "vlanTrunk" out.',
    });
  }
}

/** Puts a port that has just been made into its VLANs. @throws KernelError */
export function joinVlans(connection: Connection, port: number, { vlans, keepDefault }: VlanMembership): void {
  if (vlans.length === 0) return;
  const join = addPortVlans(port, vlans);
  execute(connection, ...(keepDefault ? [join] : [clearPortVlans(port), join]));
}

/** The VLANs that a port is in. @throws KernelError */
export function findPortVlans(connection: Connection, port: number): readonly VlanRange[] {
  const replies = execute(connection, listPortVlans())[0] ?? [];
  return replies.map(({ payload }) => decodePortVlans(payload)).find(({ index }) => index === port)?.vlans ?? [];
}

/**
 * @throws Fault `check` unless the port is in its VLANs, and in no other VLAN but the default one where that is kept;
 * KernelError
 */
export function verifyPortVlans(connection: Connection, port: Link, expected: VlanMembership): void {
  const present = findPortVlans(connection, port.index);
  if (hasVlans(present, expected)) return;
  throw off(`the VLANs of ${port.name} are ${formatVlans(present)}, expected ${formatVlans(expected.vlans)}`);
}

/** The ports of a bridge that are in a VLAN, without the port of the VLAN's gateway. @throws KernelError */
export function vlanUsers(connection: Connection, bridge: Link, gateway: Link, vlan: number): Link[] {
  const members = new Set(findVlanMembers(connection, vlan));
  return findLinks(connection, bridge.index).filter(({ index }) => index !== gateway.peer && members.has(index));
}

/** The one VLAN of a port whose frames have no tag. */
export function untagged(id: number): VlanRange {
  return { first: id, last: id, pvid: true, untagged: true };
}

/** VLANs of a port whose frames keep their tag. */
export function tagged(first: number, last: number): VlanRange {
  return { first, last, pvid: false, untagged: false };
}

/** The same VLANs in order, in as few ranges as possible. Where a VLAN comes twice, the later counts. */
export function mergeVlans(vlans: readonly VlanRange[]): VlanRange[] {
  const merged: VlanRange[] = [];
  for (const [id, vlan] of [...byId(vlans)].sort(([a], [b]) => a - b)) {
    const before = merged.at(-1);
    const extended = before !== undefined && before.last === id - 1 && isAlike(before, vlan);
    const first = extended ? before.first : id;
    if (extended) merged.pop();
    merged.push({ ...vlan, first, last: id });
  }
  return merged;
}

/** Whether the VLANs of a port, `present`, are the wanted ones. */
export function hasVlans(present: readonly VlanRange[], { vlans, keepDefault }: VlanMembership): boolean {
  if (vlans.length === 0) return true;
  const [there, wanted] = [byId(present), byId(vlans)];
  const hasAll = [...wanted].every(([id, vlan]) => {
    const found = there.get(id);
    return found !== undefined && found.pvid === vlan.pvid && found.untagged === vlan.untagged;
  });
  return hasAll && (keepDefault || there.size === wanted.size);
}

/** `1 (PVID, untagged), 200-210` */
export function formatVlans(vlans: readonly VlanRange[]): string {
  return mergeVlans(vlans).map(formatVlan).join(', ') || 'none';
}

function formatVlan({ first, last, pvid, untagged }: VlanRange): string {
  const ids = first === last ? `${first}` : `${first}-${last}`;
  const notes = [...(pvid ? ['PVID'] : []), ...(untagged ? ['untagged'] : [])];
  return notes.length === 0 ? ids : `${ids} (${notes.join(', ')})`;
}

/** The indexes of the ports, of all bridges, that are in a VLAN. @throws KernelError */
function findVlanMembers(connection: Connection, id: number): number[] {
  const ports = (execute(connection, listPortVlans())[0] ?? []).map(({ payload }) => decodePortVlans(payload));
  const isIn = ({ first, last }: VlanRange) => first <= id && id <= last;
  return ports.filter(({ vlans }) => vlans.some(isIn)).map(({ index }) => index);
}

function byId(vlans: readonly VlanRange[]): Map<number, VlanRange> {
  const found = new Map<number, VlanRange>();
  for (const vlan of vlans) for (let id = vlan.first; id <= vlan.last; id++) found.set(id, vlan);
  return found;
}

/** Whether two VLANs may be one range. */
function isAlike(a: VlanRange, b: VlanRange): boolean {
  return !a.pvid && !b.pvid && a.untagged === b.untagged;
}
