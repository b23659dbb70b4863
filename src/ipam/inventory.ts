/** What a data directory holds, for the operator: networks, records, and leases without a record. Only reads, and takes no lock. */

import type { Ip } from '../address/ip.ts';
import { statPath } from '../sys/directory.ts';
import type { Attachment, AttachmentRecord } from './attachment.ts';
import { namesIn } from './files.ts';
import { decodeLease, holderText, leasedIps, leaseState, readLease, readLeaseFile } from './lease.ts';
import { listNetworks, recordedIps } from './record.ts';
import { cursorPath, leasePath, type Store, storeOf } from './store.ts';

/** Leases that no record claims: host-local made them, the record is lost, or the file is none of a lease. */
export interface UnrecordedLeases {
  /** Undefined where the file does not tell its holder. */
  readonly holder: Omit<Attachment, 'network'> | undefined;
  /** What the file holds, for people. */
  readonly text: string;
  readonly ips: readonly Ip[];
}

/** The networks that have leases or records in a data directory, by name. @throws Fault `io` */
export function storedNetworks(dataDir: string): string[] {
  const leased = namesIn(dataDir).filter((name) => !name.startsWith('.') && isStore(storeOf(dataDir, name)));
  return [...new Set([...leased, ...listNetworks(dataDir)])].sort();
}

/** Whether no address of the network was ever leased. Looks at one file. @throws SystemError */
export function isNewNetwork(dataDir: string, network: string): boolean {
  return statPath(cursorPath(storeOf(dataDir, network), 0)) === undefined;
}

/** The names of the files among the leases of a network, in no order; those that are addresses are leases. @throws Fault `io` */
export function leaseNames(dataDir: string, network: string): readonly string[] {
  return namesIn(storeOf(dataDir, network).leases);
}

/** A lease as its file has it. */
export interface LeaseLook {
  readonly path: string;
  /** Undefined where there is no file. */
  readonly text: string | undefined;
  /** The attachment that the file names; undefined where it names none. */
  readonly holder: Omit<Attachment, 'network'> | undefined;
  /** What the file holds, for people. */
  readonly said: string;
}

/** The lease of an address, which is written as the file is named. @throws Fault `io` */
export function lookAtLease(dataDir: string, network: string, address: string): LeaseLook {
  const path = `${storeOf(dataDir, network).leases}/${address}`;
  const text = readLeaseFile(path);
  const holder = text === undefined ? undefined : decodeLease(text);
  const named = holder && { containerId: holder.containerId, ifName: holder.ifName ?? '' };
  return { path, text, holder: named, said: text === undefined ? 'no lease file' : holderText(text) };
}

/** The leases of a network that none of the records claims, one entry a holder. @throws Fault `io` */
export function leasesWithoutRecord(
  dataDir: string,
  network: string,
  records: readonly AttachmentRecord[],
): UnrecordedLeases[] {
  const store = storeOf(dataDir, network);
  // A record writes its addresses as the files are named. So on most nodes no name is parsed.
  const known = new Set(records.flatMap(({ addresses }) => addresses.map((text) => text.slice(0, text.indexOf('/')))));
  const unknown = leasedIps(store, known);
  const recorded = new Set(unknown.length === 0 ? [] : records.flatMap(recordedIps).map(keyOf));
  const found = new Map<string, { holder: UnrecordedLeases['holder']; text: string; ips: Ip[] }>();
  for (const ip of unknown.filter((one) => !recorded.has(keyOf(one)))) {
    const text = readLease(store, ip);
    if (text === undefined) continue;
    const lease = decodeLease(text);
    const holder = lease && { containerId: lease.containerId, ifName: lease.ifName ?? '' };
    const key = holder === undefined ? JSON.stringify(text) : `${holder.containerId}:${holder.ifName}`;
    const entry = found.get(key) ?? { holder, text: holderText(text), ips: [] };
    entry.ips.push(ip);
    found.set(key, entry);
  }
  return [...found.values()];
}

/** The empty lease files that no record claims: writes that were aborted. @throws Fault `io` */
export function abortedLeases(dataDir: string, network: string, records: readonly AttachmentRecord[]): string[] {
  const store = storeOf(dataDir, network);
  const claimed = new Set(records.flatMap(recordedIps).map((ip) => leasePath(store, ip)));
  const empty = leasedIps(store).filter((ip) => leaseState(store, ip) === 'empty');
  return empty.map((ip) => leasePath(store, ip)).filter((path) => !claimed.has(path));
}

function keyOf({ family, value }: Ip): string {
  return `${family} ${value}`;
}

function isStore({ leases, lock }: Store): boolean {
  return statPath(leases)?.isDirectory === true && (statPath(lock) !== undefined || namesIn(leases).length > 0);
}
