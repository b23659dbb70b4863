/** Names and MACs that follow from identifiers, so that they need not be remembered. */

import { hashHex } from '../address/hash.ts';
import { localMac } from '../address/mac.ts';
import { readText } from '../sys/file.ts';

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
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/** `veth` and 44 bits of the attachment's hash: 15 characters, the most that an interface name may have. */
export function hostVethName({ network, containerId, ifName }: AttachmentKey): string {
  return `veth${hashHex('host veth', network, containerId, ifName).slice(0, 11)}`;
}

export function hostVethMac({ network, containerId, ifName }: AttachmentKey): Uint8Array {
  return portMac(hashHex('host MAC', network, containerId, ifName));
}

/**
 * `fe:…`, the highest local unicast MACs: a bridge without a MAC of its own takes the lowest of its ports'
 * (br_stp_recalculate_bridge_id), which must stay that of the LAN's interface.
 */
function portMac(hash: string): Uint8Array {
  const mac = localMac(hash);
  mac[0] = 0xfe;
  return mac;
}

export function containerMac({ network, containerId, ifName }: AttachmentKey): Uint8Array {
  return localMac(hashHex('container MAC', network, containerId, ifName));
}

/** The same on every boot of a machine, another on another machine. */
export function bridgeMac(bridge: string, machine: string = machineId()): Uint8Array {
  return localMac(hashHex('bridge MAC', machine, bridge));
}

/** The end of a VLAN gateway that is a port of the bridge. */
export function vlanPortName(gateway: string): string {
  return `veth${hashHex('VLAN port', gateway).slice(0, 11)}`;
}

export function vlanPortMac(gateway: string): Uint8Array {
  return portMac(hashHex('VLAN port MAC', gateway));
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
      return readText(file).trim();
    } catch {
      // The next one, or none: a machine without an ID still gets a MAC that is the same each time.
    }
  }
  return '';
}
