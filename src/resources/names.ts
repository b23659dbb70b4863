/** Names, owner texts and MACs that follow from identifiers, so that they need not be remembered. */

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
  /** The data directory, which the owner text names if it is not the default; absent for the default. */
  readonly dataDir?: string | undefined;
}

/** The comment of a set's anchor, which belongs to no attachment. */
export const ANCHOR = 'anchor';

const ALIAS_PREFIX = 'trestle:';
/** The alias of the bridges that this plugin makes. It is no owner, which has two `/`. */
export const BRIDGE_ALIAS = `${ALIAS_PREFIX}bridge`;
/** The alias of both ends of a VLAN's gateway. */
export const GATEWAY_ALIAS = `${ALIAS_PREFIX}gateway`;
const POD_CHARACTER = /[\w./-]/;
/** machine-id(5): 32 digits. Before the first boot is complete the file may say `uninitialized`, or nothing. */
const MACHINE_ID = /^[0-9a-f]{32}$/i;
/** IFALIASZ without its NUL, in bytes. */
const ALIAS_MOST = 255;
/** The most characters of a pod's name in an alias. */
const POD_MOST = 80;
/** What a longer one keeps of its end, where the names of a deployment's pods differ. */
const POD_END = 24;
/** NFTNL_UDATA_COMMENT_MAXLEN, in bytes: nft reads back no longer comment. */
export const COMMENT_MOST = 128;
/** Characters of `/#` and a hash, which replace container and interface where these do not fit. */
const HASHED = 18;
/**
 * The most characters of a network name in an owner text: they leave room for `@`, 8 digits of a directory, and HASHED. A
 * longer name is its first NETWORK_KEPT characters, `#` and a hash.
 */
const NETWORK_MOST = COMMENT_MOST - HASHED - 9;
const NETWORK_KEPT = NETWORK_MOST - 17;
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/** The part of an owner text that stands for a data directory. */
const DIRECTORY = /@[0-9a-f]{8}$/;

/** `veth` and 44 bits of the attachment's hash: 15 characters, the most that an interface name may have. */
export function hostVethName({ network, containerId, ifName }: AttachmentKey): string {
  return `veth${hashHex('host veth', network, containerId, ifName).slice(0, 11)}`;
}

/** The MAC of the host veth: never the lowest MAC of a bridge's ports, see `portMac`. */
export function hostVethMac({ network, containerId, ifName }: AttachmentKey): Uint8Array {
  return portMac(hashHex('host MAC', network, containerId, ifName));
}

/** The MAC of the container's interface, where the configuration asks for none. */
export function containerMac({ network, containerId, ifName }: AttachmentKey): Uint8Array {
  return localMac(hashHex('container MAC', network, containerId, ifName));
}

/**
 * The same MAC on every boot of a machine, and another one on another machine. On a machine without an ID the MAC stays the
 * same for as long as the network namespace is there, and with it the bridge.
 */
export function bridgeMac(bridge: string, machine: string = machineId()): Uint8Array {
  return localMac(hashHex('bridge MAC', machine, bridge));
}

/** The name of the end of a VLAN gateway that is a port of the bridge. */
export function vlanPortName(gateway: string): string {
  return `veth${hashHex('VLAN port', gateway).slice(0, 11)}`;
}

/** The MAC of that end: never the lowest MAC of a bridge's ports, see `portMac`. */
export function vlanPortMac(gateway: string): Uint8Array {
  return portMac(hashHex('VLAN port MAC', gateway));
}

/**
 * The text that says which attachment a link, a set element or a rule belongs to, in at most 128 bytes: `pods/CONTAINER/eth0`.
 * With a data directory other than the default it is `pods@HASH/CONTAINER/eth0`, since another runtime may have a network of
 * that name. `#` begins a hash that replaces what would be too long, or has a quotation mark. Network names and container IDs
 * contain none of `/`, `@`, `#` (the specification's pattern).
 */
export function ownerText(attachment: AttachmentKey): string {
  const { containerId, ifName } = attachment;
  return textOf(networkMark(attachment.network, attachment.dataDir), containerId, ifName);
}

/** Whether an owner is an attachment of this network and data directory. */
export function isOwnedBy(network: string, owner: string | undefined, dataDir?: string): boolean {
  return owner !== undefined && currentOwner(owner).startsWith(`${networkMark(network, dataDir)}/`);
}

/**
 * Whether an owner is of the scope. The attachment that a scope names is also recognised as 0.1.0 wrote it, without the
 * directory.
 */
export function isInScope(scope: Scope, owner: string): boolean {
  const { network, dataDir, containerId, ifName } = scope;
  if (isOwnedBy(network, owner, dataDir)) return true;
  if (containerId === undefined || ifName === undefined) return false;
  return isSameOwner(owner, ownerText({ network, dataDir, containerId, ifName }));
}

/** Whether an owner is an attachment of this network, in any data directory. */
export function isOfNetwork(network: string, owner: string | undefined): boolean {
  return owner !== undefined && markOf(currentOwner(owner)).replace(DIRECTORY, '') === networkMark(network);
}

/**
 * A pod's name for an alias: at most POD_MOST characters, `~` in place of its middle. A runtime may send any text, so each
 * character that Kubernetes has in no name becomes `?`.
 */
function shortPod(pod: string): string {
  const plain = [...pod].map((character) => (POD_CHARACTER.test(character) ? character : '?')).join('');
  const begin = POD_MOST - POD_END - 1;
  return plain.length <= POD_MOST ? plain : `${plain.slice(0, begin)}~${plain.slice(-POD_END)}`;
}

/** An owner as it is written today. 0.1.0 wrote up to 240 characters, with quotation marks and whole network names. */
export function currentOwner(owner: string): string {
  if (owner.length <= NETWORK_MOST && !owner.includes('"')) return owner;
  const [network = '', container = '', ifName] = owner.split('/');
  if (/[@#]/.test(network)) return owner;
  const mark = networkMark(network);
  return ifName === undefined ? `${mark}/${container}` : textOf(mark, container, ifName);
}

/**
 * Whether the two texts name the same attachment. 0.1.0 did not write the directory, so `found` without a directory counts as
 * the attachment in any directory: container IDs are unique.
 */
export function isSameOwner(found: string, wanted: string): boolean {
  if (found === wanted) return true;
  const mark = markOf(wanted);
  const unmarked = mark.replace(DIRECTORY, '');
  const current = currentOwner(found);
  if (current === wanted) return true;
  return mark !== unmarked && markOf(current) === unmarked && hashOf(current) === hashOf(wanted);
}

/**
 * The alias of a host veth: the owner and, for people, the pod (`shop/web-0`) and the data directory if it is not the default.
 * `ip link` shows it.
 */
export function hostVethAlias(attachment: AttachmentKey & { readonly pod?: string | undefined }): string {
  const { dataDir, pod } = attachment;
  const alias = `${ALIAS_PREFIX}${ownerText(attachment)}${pod ? ` ${shortPod(pod)}` : ''}`;
  if (dataDir === undefined || isDefault(dataDir)) return alias;
  const whole = `${alias} ${dataDir}`;
  return encodeUtf8(whole).length <= ALIAS_MOST ? whole : alias;
}

/** Whether a link with this alias is ours: of an attachment, a bridge, or the gateway of a VLAN. */
export function isOurAlias(alias: string | undefined): alias is string {
  return alias?.startsWith(ALIAS_PREFIX) === true;
}

/** The owner that an alias names. @returns undefined for a link that belongs to no attachment */
export function aliasOwner(alias: string | undefined): string | undefined {
  if (!isOurAlias(alias) || !alias.includes('/')) return undefined;
  const [owner = ''] = alias.slice(ALIAS_PREFIX.length).split(' ', 1);
  return currentOwner(owner);
}

/**
 * A MAC `fe:…`, of the highest local unicast MACs. A bridge without a MAC of its own takes the lowest MAC of its ports
 * (br_stp_recalculate_bridge_id), and must keep that of the LAN's interface.
 */
function portMac(hash: string): Uint8Array {
  const mac = localMac(hash);
  mac[0] = 0xfe;
  return mac;
}

/** The beginning of an owner text: the network, and the data directory if it is not the default. */
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

/** The hash of container and interface, which an owner text contains or amounts to. */
function hashOf(owner: string): string {
  const [, container = '', ifName] = owner.split('/');
  return ifName === undefined ? container.slice(1) : hashHex('owner', container, ifName);
}

function isDefault(dataDir: string): boolean {
  return dataDir === DEFAULT_DATA_DIR || plain(dataDir) === DEFAULT_DATA_DIR;
}

/** The path without doubled slashes and without a slash at its end. */
function plain(path: string): string {
  return path.replace(/\/+/g, '/').replace(/(.)\/$/, '$1');
}

function machineId(): string {
  for (const file of MACHINE_ID_FILES) {
    try {
      const id = readText(file).trim();
      if (MACHINE_ID.test(id)) return id;
    } catch {
      // Try the next file.
    }
  }
  return netnsId();
}

/** An ID of the network namespace that the thread is in. Its inode number is unique in one boot of one kernel. */
function netnsId(): string {
  try {
    return `${bootId()} ${statPath('/proc/thread-self/ns/net')?.inode}`;
  } catch {
    return String(Math.random());
  }
}
