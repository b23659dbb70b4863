/**
 * Options of a bridge that attachments need. Where ADD turns one on for a bridge that another program made, it notes that on
 * the bridge itself, as an alternative name of the interface, which survives a crash and the loss of the data directory. The
 * last DEL turns off the options with a note. A bridge of our own keeps its options.
 */

import { Fault } from '../../fault.ts';
import { type Connection, execute, type Request } from '../../netlink/connection.ts';
import { unlessRefused } from '../../netlink/error.ts';
import { filtersByVlan, learnsLinkLocal, setLinkLocalLearning, setVlanFiltering } from '../../netlink/route/bridge.ts';
import type { Link } from '../../netlink/route/link.ts';
import {
  addAlternativeName,
  alternativeNames,
  removeAlternativeName,
  setLinkPromiscuous,
} from '../../netlink/route/link-change.ts';
import { EEXIST, EINVAL, EOPNOTSUPP } from '../../sys/errno.ts';
import { off } from '../resource.ts';

export interface BridgeOptions {
  readonly promiscuous: boolean;
  /** Its ports are in VLANs. */
  readonly vlanFiltering?: boolean | undefined;
  /** Its ports are held to their MACs. */
  readonly guarded?: boolean | undefined;
}

interface BridgeOption {
  /** As `ip link` has it. */
  readonly name: string;
  isOn(bridge: Link): boolean;
  set(index: number, on: boolean): Request;
  /** What CHECK says where the option is off. */
  finding(bridge: string): Fault;
}

const PROMISCUOUS: BridgeOption = {
  name: 'promisc',
  isOn: ({ promiscuous }) => promiscuous,
  set: setLinkPromiscuous,
  finding: (bridge) => off(`promiscuous mode of the bridge ${bridge} is off, expected on`),
};

const VLAN_FILTERING: BridgeOption = {
  name: 'vlan_filtering',
  isOn: filtersByVlan,
  set: setVlanFiltering,
  finding: (bridge) => off(`VLAN filtering of the bridge ${bridge} is off, expected on`),
};

/**
 * A bridge hands frames to some of the link-local group addresses (LLDP's 01:80:c2:00:00:0e) to the node before any packet
 * filter sees them, and learns their source MACs (br_handle_frame in the kernel's net/bridge/br_input.c). With the MAC guard
 * it must not.
 */
const NO_LINK_LOCAL_LEARNING: BridgeOption = {
  name: 'no_linklocal_learn',
  isOn: (bridge) => !learnsLinkLocal(bridge),
  set: (index, on) => setLinkLocalLearning(index, !on),
  finding: (bridge) =>
    new Fault('check', `the bridge ${bridge} learns MACs from link-local frames, which the MAC guard does not see`, {
      details: `"ip link set ${bridge} type bridge no_linklocal_learn 1" stops it, and so does the next ADD on this network.`,
    }),
};

const ALL = [PROMISCUOUS, VLAN_FILTERING, NO_LINK_LOCAL_LEARNING];

/**
 * Turns on the options that are off. `isOwn` says whether the bridge is ours, and needs no note. @returns whether any was off.
 * @throws KernelError
 */
export function ensureOptions(
  connection: Connection,
  bridge: Link,
  wanted: BridgeOptions,
  isOwn: () => boolean,
): boolean {
  const missing = optionsOf(wanted).filter((option) => !option.isOn(bridge));
  for (const option of missing) {
    execute(connection, option.set(bridge.index, true));
    if (!isOwn())
      unlessRefused([EEXIST, EOPNOTSUPP], () => execute(connection, addAlternativeName(...noteOf(bridge, option))));
  }
  return missing.length > 0;
}

/** @throws Fault `check` for the first option that is off */
export function verifyOptions(bridge: Link, wanted: BridgeOptions): void {
  const missing = optionsOf(wanted).find((option) => !option.isOn(bridge));
  if (missing !== undefined) throw missing.finding(bridge.name);
}

/** Whether an attachment needs any option. */
export function wantsOptions(wanted: BridgeOptions): boolean {
  return optionsOf(wanted).length > 0;
}

/** Whether ADD turned on any option. */
export function hasNotes(bridge: Link): boolean {
  return notedOn(bridge).length > 0;
}

/** Turns off the options with a note, and removes the notes. @throws KernelError */
export function takeBackOptions(connection: Connection, bridge: Link): void {
  for (const option of notedOn(bridge)) {
    if (option.isOn(bridge)) execute(connection, option.set(bridge.index, false));
    unlessRefused([EINVAL], () => execute(connection, removeAlternativeName(...noteOf(bridge, option))));
  }
}

function optionsOf({ promiscuous, vlanFiltering, guarded }: BridgeOptions): BridgeOption[] {
  const wanted = [promiscuous, vlanFiltering, guarded];
  return ALL.filter((_, at) => wanted[at]);
}

function notedOn(bridge: Link): BridgeOption[] {
  const names = alternativeNames(bridge);
  return ALL.filter((option) => names.includes(noteOf(bridge, option)[1]));
}

/**
 * The note of an option: a link and an alternative name for it. Such a name is unique in the network namespace, so it has the
 * index in it.
 */
function noteOf({ index }: Link, { name }: BridgeOption): [index: number, name: string] {
  return [index, `trestle.${name}.${index}`];
}
