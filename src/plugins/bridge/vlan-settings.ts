/** What `vlan`, `vlanTrunk` and `preserveDefaultVlan` mean, as in the reference. */

import { Fault } from '../../fault.ts';
import type { VlanRange } from '../../netlink/route/vlan.ts';
import { type VlanGateway, vlanGatewayName } from '../../resources/vlan/gateway-pair.ts';
import { mergeVlans, tagged, untagged, type VlanMembership } from '../../resources/vlan/vlan.ts';
import type { MainConfig } from './request.ts';

export interface VlanSettings {
  /** What the container's port is in. */
  readonly port: VlanMembership;
  /** The VLAN of untagged frames, which has a gateway of its own; undefined where it is the bridge's own VLAN. */
  readonly access: number | undefined;
}

/** The bridge's default VLAN: the one of untagged frames where a trunk names none. */
const NATIVE = 1;
/** IFNAMSIZ without its NUL. */
const LONGEST_NAME = 15;

/** @returns undefined where no VLAN is asked for. @throws Fault `config` */
export function readVlans({ vlan, vlanTrunk, preserveDefaultVlan }: MainConfig): VlanSettings | undefined {
  const access = vlan || undefined;
  if (access === undefined && vlanTrunk === undefined) return undefined;
  const trunk = (vlanTrunk ?? []).flatMap(readEntry);
  // A port has one VLAN for untagged frames, so that one is untagged even where the trunk names it too.
  const native = access ?? (trunk.length > 0 ? NATIVE : undefined);
  const vlans = mergeVlans([...trunk, ...(native === undefined ? [] : [untagged(native)])]);
  return { access, port: { vlans, keepDefault: preserveDefaultVlan === true } };
}

/** The VLAN that has a gateway of its own, where the bridge cannot be it. */
export function gatewayVlan(vlans: VlanSettings | undefined): VlanGateway | undefined {
  return vlans?.access === undefined ? undefined : { vlan: vlans.access, keepDefault: vlans.port.keepDefault };
}

/** @throws Fault `config` where the gateway's interface would have a name that is too long */
export function verifyVlanGatewayName(bridge: string, vlan: number): void {
  const name = vlanGatewayName(bridge, vlan);
  if (name.length <= LONGEST_NAME) return;
  const message = `cannot use the configuration: bridge: ${bridge} is too long for a VLAN with a gateway`;
  throw new Fault('config', message, {
    details: `The gateway is an interface called ${name}, and the kernel allows ${LONGEST_NAME} characters.`,
  });
}

type TrunkEntry = NonNullable<MainConfig['vlanTrunk']>[number];

/** A range, one VLAN, both, or neither. */
function readEntry({ minID, maxID, id }: TrunkEntry, at: number): VlanRange[] {
  if ((minID === undefined) !== (maxID === undefined)) {
    const [there, missing] = minID === undefined ? ['maxID', 'minID'] : ['minID', 'maxID'];
    throw wrong(at, `${there} is there, and ${missing} is missing`, 'A range has both; a single VLAN is "id".');
  }
  if ([minID, maxID, id].includes(0)) throw wrong(at, '0 is no VLAN', 'VLANs are numbered from 1 to 4094.');
  const range = minID === undefined || maxID === undefined ? [] : [tagged(minID, maxID)];
  if (minID !== undefined && maxID !== undefined && maxID < minID) {
    throw wrong(at, `minID ${minID} is greater than maxID ${maxID}`, 'Exchange the two.');
  }
  return id === undefined ? range : [...range, tagged(id, id)];
}

function wrong(at: number, reason: string, details: string): Fault {
  return new Fault('config', `cannot use the configuration: vlanTrunk[${at}]: ${reason}`, { details });
}
