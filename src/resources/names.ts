/** Names and MACs that follow from identifiers, so that they need not be remembered. */

import { hashHex } from '../address/hash.ts';
import { localMac } from '../address/mac.ts';
import { DEFAULT_DATA_DIR } from '../ipam/index.ts';
import { bootId } from '../sys/clock.ts';
import { statPath } from '../sys/directory.ts';
import { readText } from '../sys/file.ts';
import { encodeUtf8 } from '../sys/text.ts';
import type { Scope } from './resource.ts';

/** What an attachment's names are made of: one `(container ID, interface name)` on one network. */
export interface AttachmentKey {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
  /** Where its leases are, which the mark of its owner says; absent for the default directory. */
  readonly dataDir?: string | undefined;
}

/** The comment of a set's anchor, which belongs to no attachment. */
export const ANCHOR = 'anchor';

const ALIAS_PREFIX = 'trestle:';
/** Of the bridges that this plugin makes. No attachment's: an owner has two `/`. */
export const BRIDGE_ALIAS = `${ALIAS_PREFIX}bridge`;
/** Likewise, of both ends of a VLAN's gateway. */
export const GATEWAY_ALIAS = `${ALIAS_PREFIX}gateway`;
/** machine-id(5): 32 digits. Before the first boot is complete it may say `uninitialized`, or nothing. */
const MACHINE_ID = /^[0-9a-f]{32}$/i;
/** IFALIASZ without its NUL, in bytes. */
const ALIAS_MOST = 255;
/** NFTNL_UDATA_COMMENT_MAXLEN, in bytes: nft reads back no longer comment. */
export const COMMENT_MOST = 128;
/** `/#` and a hash: what stands for container and interface where both do not fit. */
const HASHED = 18;
/** Of a network name that would not fit: its beginning, `#` and a hash, which leave room for `@` and 8 digits of a directory. */
const NETWORK_MOST = COMMENT_MOST - HASHED - 9;
const NETWORK_KEPT = NETWORK_MOST - 17;
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

/** Never the lowest MAC of a bridge's ports, which a bridge without a MAC of its own takes. */
export function vlanPortMac(gateway: string): Uint8Array {
  return portMac(hashHex('VLAN port MAC', gateway));
}

/**
 * Who a link, a set element or a rule belongs to, in at most 128 bytes: `pods/CONTAINER/eth0`. With a data directory other than
 * the default it is `pods@HASH/CONTAINER/eth0`: another runtime may have a network of that name. `#` begins a hash that
 * stands for what would be too long, or has a quotation mark. Network names and container IDs contain none of `/`, `@`, `#` (the specification's pattern).
 */
export function ownerText(attachment: AttachmentKey): string {
  const { containerId, ifName } = attachment;
  return textOf(networkMark(attachment.network, attachment.dataDir), containerId, ifName);
}

/** Whether an owner is an attachment of this network and data directory. */
export function isOwnedBy(network: string, owner: string | undefined, dataDir?: string): boolean {
  return owner !== undefined && currentOwner(owner).startsWith(`${networkMark(network, dataDir)}/`);
}

/** Whether an owner is of the scope. The attachment that a scope names is recognised as 0.1.0 wrote it, too: without the directory. */
export function isInScope(scope: Scope, owner: string): boolean {
  const { network, dataDir, containerId, ifName } = scope;
  if (isOwnedBy(network, owner, dataDir)) return true;
  if (containerId === undefined || ifName === undefined) return false;
  return isSameOwner(owner, ownerText({ network, dataDir, containerId, ifName }));
}

/** The same for any data directory. */
export function isOfNetwork(network: string, owner: string | undefined): boolean {
  return owner !== undefined && markOf(currentOwner(owner)).replace(DIRECTORY, '') === networkMark(network);
}

/** An owner as it is written today: 0.1.0 wrote up to 240 characters, quotation marks too, and whole network names. */
export function currentOwner(owner: string): string {
  if (owner.length <= NETWORK_MOST && !owner.includes('"')) return owner;
  const [network = '', container = '', ifName] = owner.split('/');
  if (/[@#]/.test(network)) return owner;
  const mark = networkMark(network);
  return ifName === undefined ? `${mark}/${container}` : textOf(mark, container, ifName);
}

/**
 * Whether what `found` names is the attachment that `wanted` names. 0.1.0 did not say the directory; that an attachment is
 * meant in any directory is certain enough, for container IDs are unique.
 */
export function isSameOwner(found: string, wanted: string): boolean {
  if (found === wanted) return true;
  const mark = markOf(wanted);
  const unmarked = mark.replace(DIRECTORY, '');
  const current = currentOwner(found);
  if (current === wanted) return true;
  return mark !== unmarked && markOf(current) === unmarked && hashOf(current) === hashOf(wanted);
}

/** The alias of a host veth; behind the owner, for people, the data directory if it is not the default. */
export function hostVethAlias(attachment: AttachmentKey): string {
  const { dataDir } = attachment;
  const alias = `${ALIAS_PREFIX}${ownerText(attachment)}`;
  if (dataDir === undefined || isDefault(dataDir)) return alias;
  const whole = `${alias} ${dataDir}`;
  return encodeUtf8(whole).length <= ALIAS_MOST ? whole : alias;
}

/** Whether a link with this alias is ours: of an attachment, a bridge, or the gateway of a VLAN. */
export function isOurAlias(alias: string | undefined): alias is string {
  return alias?.startsWith(ALIAS_PREFIX) === true;
}

/** The owner that an alias names. @returns undefined for a link that is no attachment's */
export function aliasOwner(alias: string | undefined): string | undefined {
  if (!isOurAlias(alias) || !alias.includes('/')) return undefined;
  const [owner = ''] = alias.slice(ALIAS_PREFIX.length).split(' ', 1);
  return currentOwner(owner);
}

const DIRECTORY = /@[0-9a-f]{8}$/;

/** What an owner begins with. */
function networkMark(network: string, dataDir?: string): string {
  const name =
    network.length <= NETWORK_MOST ? network : `${network.slice(0, NETWORK_KEPT)}#${hashHex('network', network)}`;
  if (dataDir === undefined || isDefault(dataDir)) return name;
  return `${name}@${hashHex('data directory', plain(dataDir)).slice(0, 8)}`;
}

function textOf(mark: string, containerId: string, ifName: string): string {
  const text = `${mark}/${containerId}/${ifName}`;
  return fitsComment(text) ? text : `${mark}/#${hashHex('owner', containerId, ifName)}`;
}

/** nft has no way to write a quotation mark, which an interface's name may contain. */
function fitsComment(text: string): boolean {
  return text.length <= COMMENT_MOST && encodeUtf8(text).length <= COMMENT_MOST && !text.includes('"');
}

function markOf(owner: string): string {
  return owner.slice(0, Math.max(owner.indexOf('/'), 0));
}

/** The hash of container and interface, which an owner says or amounts to. */
function hashOf(owner: string): string {
  const [, container = '', ifName] = owner.split('/');
  return ifName === undefined ? container.slice(1) : hashHex('owner', container, ifName);
}

function isDefault(dataDir: string): boolean {
  return dataDir === DEFAULT_DATA_DIR || plain(dataDir) === DEFAULT_DATA_DIR;
}

/** A path without doubled slashes and without one at its end. */
function plain(path: string): string {
  return path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
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
