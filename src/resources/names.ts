/** Names and MACs that follow from identifiers, so that they need not be remembered. */

import { hashHex } from '../address/hash.ts';
import { localMac } from '../address/mac.ts';
import { bootId } from '../sys/boot.ts';
import { readText } from '../sys/file.ts';
import { statPath } from '../sys/stat.ts';

/** What an attachment's names are made of: one `(container ID, interface name)` on one network. */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
  /** Where its leases are; absent for the default directory. */
  readonly dataDir?: string | undefined;
}

/** The comment of a set's anchor, which belongs to no attachment. */
export const ANCHOR = 'anchor';

const ALIAS_PREFIX = 'trestle:';
/** So that it fits an alias (IFALIASZ, 256 with prefix and NUL) and an element's user data (253 with its NUL). */
const OWNER_MOST = 240;
/** Of the bridges that this plugin makes. No attachment's: an owner has two `/`. */
export const BRIDGE_ALIAS = `${ALIAS_PREFIX}bridge`;
/** machine-id(5): 32 digits. Before the first boot is complete it may say `uninitialized`, or nothing. */
const MACHINE_ID = /^[0-9a-f]{32}$/i;
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/** `veth` and 44 bits of the attachment's hash: 15 characters, the most that an interface name may have. */
export function hostVethName({ network, containerId, ifName }: AttachmentKey): string {
  return `veth${hashHex('host veth', network, containerId, ifName).slice(0, 11)}`;
}

export function hostVethMac({ network, containerId, ifName }: AttachmentKey): Uint8Array {
  return localMac(hashHex('host MAC', network, containerId, ifName));
}

export function containerMac({ network, containerId, ifName }: AttachmentKey): Uint8Array {
  return localMac(hashHex('container MAC', network, containerId, ifName));
}

/**
 * The same on every boot of a machine, another on another machine. Where the machine has no ID: the same for as long as the
 * network namespace is there, and so the bridge.
 */
export function bridgeMac(bridge: string, machine: string = machineId()): Uint8Array {
  return localMac(hashHex('bridge MAC', machine, bridge));
}

/** The end of a VLAN gateway that is a port of the bridge. */
export function vlanPortName(gateway: string): string {
  return `veth${hashHex('VLAN port', gateway).slice(0, 11)}`;
}

export function vlanPortMac(gateway: string): Uint8Array {
  return localMac(hashHex('VLAN port MAC', gateway));
}

/**
 * Who a link or a set element belongs to. Network names and container IDs contain no `/`, and no `#`, which begins the
 * hash that stands for what would be too long.
 */
export function ownerText({ network, containerId, ifName }: AttachmentKey): string {
  const text = `${network}/${containerId}/${ifName}`;
  return text.length <= OWNER_MOST ? text : `${network}/#${hashHex('owner', containerId, ifName)}`;
}

/** Whether an owner is an attachment of this network. */
export function isOwnedBy(network: string, owner: string | undefined): boolean {
  return owner?.startsWith(`${network}/`) === true;
}

export function hostVethAlias(attachment: AttachmentKey): string {
  return `${ALIAS_PREFIX}${ownerText(attachment)}`;
}

/** The owner that an alias names. @returns undefined for a link that is not ours */
export function aliasOwner(alias: string | undefined): string | undefined {
  return alias?.startsWith(ALIAS_PREFIX) ? alias.slice(ALIAS_PREFIX.length) : undefined;
}

function machineId(): string {
  for (const file of MACHINE_ID_FILES) {
    try {
      const id = readText(file).trim();
      if (MACHINE_ID.test(id)) return id;
    } catch {
      // The next file, or none.
    }
  }
  return netnsId();
}

/** Of the network namespace that the thread is in. Its inode number is unique in one boot of one kernel. */
function netnsId(): string {
  try {
    return `${bootId()} ${statPath('/proc/thread-self/ns/net')?.inode}`;
  } catch {
    return String(Math.random());
  }
}
