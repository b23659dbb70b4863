/** The leases on disk: one file an address, named by it. */

import { formatIp, type Ip, parseIp } from '../address/ip.ts';
import { errorCode } from '../fault.ts';
import { statLink } from '../sys/directory.ts';
import { linkFile } from '../sys/file.ts';
import type { Attachment } from './attachment.ts';
import { createFile, discardFile, isNoFile, namesIn, readIfThere, removeFile } from './files.ts';
import { doing, ioFault } from './io-fault.ts';
import { decodeLease, encodeLease, isHeldBy } from './lease.ts';
import { leasePath, type Store } from './paths.ts';

export type LeaseState = 'free' | 'taken' | 'empty';

/** Looks at an address without opening anything. Whatever stands under its name takes it. @throws Fault `io` */
export function leaseState(store: Store, ip: Ip): LeaseState {
  const path = leasePath(store, ip);
  const found = doing('look at', path, () => statLink(path));
  if (found === undefined) return 'free';
  return found.isFile && found.size === 0 ? 'empty' : 'taken';
}

/** The text of a lease; undefined where there is none, empty where something else is in its place. @throws Fault `io` */
export function readLease(store: Store, ip: Ip): string | undefined {
  try {
    return readIfThere(leasePath(store, ip));
  } catch (error) {
    if (isNoFile(error)) return '';
    throw error;
  }
}

/**
 * Takes addresses; each file is complete before it has its name, and its mtime is the record's `createdAtMs`. The
 * caller holds the lock, and takes back what was made when this fails.
 * @returns the address that was taken by somebody else after all, or undefined. @throws Fault `io`
 */
export function createLeases(store: Store, ips: readonly Ip[], owner: Attachment, createdAtMs: number): Ip | undefined {
  createFile(store.temporary, encodeLease(owner), createdAtMs);
  try {
    return ips.find((ip) => !linkLease(store.temporary, leasePath(store, ip)));
  } finally {
    discardFile(store.temporary);
  }
}

function linkLease(temporary: string, path: string): boolean {
  try {
    linkFile(temporary, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw ioFault('create the lease', path, error);
  }
}

/** Gives an address back if it is the attachment's own. The caller holds the lock. @throws Fault `io` */
export function removeLease(store: Store, ip: Ip, attachment: Attachment): boolean {
  const text = readLease(store, ip);
  return text !== undefined && isHeldBy(text, attachment) && removeFile(leasePath(store, ip));
}

/**
 * Whether this file is the one that was made together with a record of `createdAtMs`: the same attachment may have got
 * the same address again meanwhile, from host-local, which knows nothing of records.
 */
export function isWrittenAt(store: Store, ip: Ip, createdAtMs: number): boolean {
  const writtenAt = writtenAtMs(store, ip);
  return writtenAt !== undefined && Math.abs(writtenAt - createdAtMs) < COARSEST_MTIME_MS;
}

const COARSEST_MTIME_MS = 2_000; // FAT; every other file system is finer

/** Whether the lease file was last written before an instant; where there is none, or something else, it was not. */
export function isWrittenBefore(store: Store, ip: Ip, timeMs: number): boolean {
  const writtenAt = writtenAtMs(store, ip);
  return writtenAt !== undefined && writtenAt < timeMs;
}

function writtenAtMs(store: Store, ip: Ip): number | undefined {
  const found = statLink(leasePath(store, ip));
  return found?.isFile ? found.mtimeMs : undefined;
}

/** The addresses that have a lease file, in no order; other files are not leases. @throws Fault `io` */
export function leasedIps(store: Store): Ip[] {
  return namesIn(store.leases).flatMap((name) => parseLeaseName(name) ?? []);
}

/**
 * The leases of an attachment, by reading every one: where no record tells. Those without interface (very old
 * host-local) count only where none has it, as in host-local. @throws Fault `io`
 */
export function leasesHeldBy(store: Store, attachment: Attachment): Ip[] {
  const own = leasedIps(store).flatMap((ip) => {
    const text = readLease(store, ip) ?? '';
    return isHeldBy(text, attachment) ? [{ ip, isExact: decodeLease(text)?.ifName !== undefined }] : [];
  });
  const exact = own.filter(({ isExact }) => isExact);
  return (exact.length > 0 ? exact : own).map(({ ip }) => ip);
}

/** Only the canonical form names a lease: any other file is somebody else's. */
function parseLeaseName(name: string): Ip | undefined {
  if (name.startsWith('l')) return undefined; // `lock`, `last_reserved_ip.<n>`
  const ip = parseIp(name);
  return ip !== undefined && formatIp(ip) === name ? ip : undefined;
}
