/** Names and MACs that follow from identifiers, so that they need not be remembered. */

import { hashHex } from '../address/hash.ts';
import { localMac } from '../address/mac.ts';
import { readText } from '../sys/file.ts';

/** What an attachment's names are made of: one `(container ID, interface name)` on one network. */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** The kernel's limit on an alias (IFALIASZ, with its NUL). */
const ALIAS_MOST = 255;
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

/** The same on every boot of a machine, another on another machine. */
export function bridgeMac(bridge: string, machine: string = machineId()): Uint8Array {
  return localMac(hashHex('bridge MAC', machine, bridge));
}

/** Who a link, a set element or a rule belongs to. Network names and container IDs contain no `/`. */
export function ownerText({ network, containerId, ifName }: AttachmentKey): string {
  return `${network}/${containerId}/${ifName}`;
}

export function hostVethAlias(attachment: AttachmentKey): string {
  return `trestle:${ownerText(attachment)}`.slice(0, ALIAS_MOST);
}

/** The reverse of `hostVethAlias`. @returns undefined for a link that is not ours */
export function parseHostVethAlias(alias: string | undefined): AttachmentKey | undefined {
  const parts = /^trestle:([^/]+)\/([^/]+)\/([^/]+)$/.exec(alias ?? '');
  if (parts === null) return undefined;
  const [network, containerId, ifName] = parts.slice(1) as [string, string, string];
  return { network, containerId, ifName };
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
