/**
 * The paths of all files on disk. The layout of the leases is host-local's. Host-local reads every file in their directory,
 * so our own files are in another one.
 */

import { hashHex } from '../address/hash.ts';
import { formatIp, type Ip } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import type { Attachment } from './attachment.ts';

export interface Store {
  readonly network: string;
  readonly dataDir: string;
  /** `<dataDir>/<network>`: host-local's. */
  readonly leases: string;
  /** `<dataDir>/.trestle/<network>`: ours. No network's name starts with a dot. */
  readonly own: string;
  readonly lock: string;
  /** Says in which boot, and under which lock file, `maintain` last saw to the store. */
  readonly boot: string;
  /**
   * A file that is being written and does not have its name yet. There is one writer at a time, which holds the lock, so one
   * name serves for all files, and a killed process leaves one file at most.
   */
  readonly temporary: string;
}

/** Directory under the data directory for all that is ours. */
const OWN = '.trestle';

const LONGEST_NAME = 255; // NAME_MAX

/** The store of one network. @throws Fault `config` where the name cannot be a directory's */
export function storeOf(dataDir: string, network: string): Store {
  const leases = `${dataDir}/${safeName(network, 'network name')}`;
  const own = `${dataDir}/${OWN}/${network}`;
  return { network, dataDir, leases, own, lock: `${leases}/lock`, boot: `${own}/boot`, temporary: `${own}/.new` };
}

/** The directory whose entries are the networks that this program ever leased on. */
export function ownRoot(dataDir: string): string {
  return `${dataDir}/${OWN}`;
}

/** Go's net.IP.String(), which names host-local's files, is RFC 5952 as `formatIp` is. */
export function leasePath(store: Store, ip: Ip): string {
  return `${store.leases}/${formatIp(ip)}`;
}

/** The file that holds the address of a range set that was leased last. */
export function cursorPath(store: Store, rangeSet: number): string {
  return `${store.leases}/last_reserved_ip.${rangeSet}`;
}

/** `containerID:ifname`, neither of which may hold a colon; a hash replaces the end of a very long ID. */
export function recordPath(store: Store, { containerId, ifName }: Attachment): string {
  const name = `${safeName(containerId, 'container ID')}:${safeName(ifName, 'interface name')}`;
  if (name.length <= LONGEST_NAME) return `${store.own}/${name}`;
  const hash = hashHex(containerId);
  return `${store.own}/${containerId.slice(0, 200)}~${hash}:${ifName}`;
}

/** The last check before a name becomes part of a path; the request was checked against the specification long before. */
function safeName(name: string, what: string): string {
  if (name !== '' && !name.startsWith('.') && !/[/:\0]/.test(name)) return name;
  throw new Fault('config', `cannot use the ${what} ${JSON.stringify(name)}: it cannot be part of a file name`);
}
