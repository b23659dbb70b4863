/** The leases: one file an address, named by it. Names and format are host-local's. */

import { formatIp, type Ip, parseIp } from '../address/ip.ts';
import { ignoring } from '../attempt.ts';
import { reasonOf } from '../fault.ts';
import { statLink } from '../sys/directory.ts';
import { EEXIST, ENOSYS, EOPNOTSUPP, EPERM } from '../sys/errno.ts';
import { closeFile, linkFile, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, openFile, setFileTime } from '../sys/file.ts';
import { type Attachment, attachmentText } from './attachment.ts';
import {
  createEmpty,
  createFile,
  discardFile,
  doing,
  isNoFile,
  namesIn,
  overwriteFile,
  readIfThere,
  removeFile,
  replaceFile,
} from './files.ts';
import type { Host } from './host.ts';
import type { LockedStore } from './lock.ts';
import { cursorPath, leasePath, type Store } from './store.ts';

/** What a lease file says. Very old host-local versions left the interface out. */
interface LeaseHolder {
  readonly containerId: string;
  readonly ifName: string | undefined;
}

type LeaseState = 'free' | 'taken' | 'empty';

type Outcome = 'made' | 'taken';

/** The errors of link(2) on file systems without hard links: most say EPERM, others that they do not know the call. */
const NO_HARD_LINKS = [EPERM, EOPNOTSUPP, ENOSYS];

const COARSEST_MTIME_MS = 2_000; // FAT; every other file system is finer

/** The content of a lease file, as host-local writes it. */
export function encodeLease({ containerId, ifName }: Attachment): string {
  return `${containerId}\r\n${ifName}`;
}

/** @returns undefined where the text is no lease: empty, cut off, or something else altogether */
export function decodeLease(text: string): LeaseHolder | undefined {
  const [, containerId, ifName] = /^([A-Za-z0-9][\w.-]*)(?:\r?\n([^\s/:]+))?$/.exec(text.trim()) ?? [];
  return containerId === undefined ? undefined : { containerId, ifName };
}

/** Whether a lease with this text is the attachment's own. */
export function isHeldBy(text: string, attachment: Attachment): boolean {
  const holder = decodeLease(text);
  if (holder === undefined || holder.containerId !== attachment.containerId) return false;
  return holder.ifName === undefined || holder.ifName === attachment.ifName;
}

/** "container abc interface eth0", or what the file holds instead. */
export function holderText(text: string): string {
  const holder = decodeLease(text);
  if (holder === undefined) return text.trim() === '' ? 'an empty lease file' : 'an unreadable lease file';
  return attachmentText({ network: '', containerId: holder.containerId, ifName: holder.ifName ?? '' });
}

/** Looks at the lease file of an address without opening it. Anything under that name takes the address. @throws Fault `io` */
export function leaseState(store: Store, ip: Ip): LeaseState {
  const path = leasePath(store, ip);
  const found = doing('look at', path, () => statLink(path));
  if (found === undefined) return 'free';
  return found.isFile && found.size === 0 ? 'empty' : 'taken';
}

/** The text of a lease; undefined where there is none, empty where something else is in its place. @throws Fault `io` */
export function readLease(store: Store, ip: Ip): string | undefined {
  return readLeaseFile(leasePath(store, ip));
}

/** The same, of the file at a path. @throws Fault `io` */
export function readLeaseFile(path: string): string | undefined {
  try {
    return readIfThere(path);
  } catch (error) {
    if (isNoFile(error)) return '';
    throw error;
  }
}

/**
 * Takes addresses; each file is complete before it has its name, and its mtime is the record's `createdAtMs`. The caller takes
 * back what was made when this fails.
 * @returns the first address that another process has taken in the meantime, or undefined. @throws Fault `io`
 */
export function createLeases(
  store: LockedStore,
  ips: readonly Ip[],
  owner: Attachment,
  createdAtMs: number,
): Ip | undefined {
  const text = encodeLease(owner);
  createFile(store.temporary, text, createdAtMs);
  let hasLinks = true;
  const take = (path: string) => {
    const outcome = hasLinks ? linkLease(store.temporary, path) : 'no hard links';
    hasLinks = outcome !== 'no hard links';
    return outcome === 'no hard links' ? claimLease(store, path, text, createdAtMs) : outcome;
  };
  try {
    return ips.find((ip) => take(leasePath(store, ip)) === 'taken');
  } finally {
    discardFile(store.temporary);
  }
}

/** Gives an address back if it is the attachment's own. @throws Fault `io` */
export function removeLease(store: LockedStore, ip: Ip, attachment: Attachment): boolean {
  const text = readLease(store, ip);
  return text !== undefined && isHeldBy(text, attachment) && removeFile(leasePath(store, ip));
}

/**
 * Whether this file is the one that was made together with a record of `createdAtMs`: host-local, which knows nothing of
 * records, may have given the same address to the same attachment again.
 */
export function isWrittenAt(store: Store, ip: Ip, createdAtMs: number): boolean {
  const writtenAt = writtenAtMs(store, ip);
  return writtenAt !== undefined && Math.abs(writtenAt - createdAtMs) < COARSEST_MTIME_MS;
}

/** Marks a lease as made together with a record of `createdAtMs`. @throws Fault `io` */
export function stampLease(store: LockedStore, ip: Ip, createdAtMs: number): void {
  const path = leasePath(store, ip);
  doing('set the time of', path, () => {
    const fd = openFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      setFileTime(fd, createdAtMs);
    } finally {
      closeFile(fd);
    }
  });
}

/** Whether the lease file was last written before an instant; false where there is no regular file. */
export function isWrittenBefore(store: Store, ip: Ip, timeMs: number): boolean {
  const writtenAt = writtenAtMs(store, ip);
  return writtenAt !== undefined && writtenAt < timeMs;
}

/**
 * The addresses that have a lease file, in no order, but for those of the names that are `known`; other files are not leases.
 * @throws Fault `io`
 */
export function leasedIps(store: Store, known?: ReadonlySet<string>): Ip[] {
  return namesIn(store.leases).flatMap((name) => (known?.has(name) ? [] : (parseLeaseName(name) ?? [])));
}

/**
 * The leases of an attachment without a record, found by reading every lease. Those without an interface (very old host-local)
 * count only where the attachment has no other, as in host-local. @throws Fault `io`
 */
export function leasesHeldBy(store: Store, attachment: Attachment): Ip[] {
  const own = leasedIps(store).flatMap((ip) => {
    const text = readLease(store, ip) ?? '';
    return isHeldBy(text, attachment) ? [{ ip, isExact: decodeLease(text)?.ifName !== undefined }] : [];
  });
  const exact = own.filter(({ isExact }) => isExact);
  return (exact.length > 0 ? exact : own).map(({ ip }) => ip);
}

/** The address that was leased last; undefined where no readable file says so. */
export function readCursor(store: Store, rangeSet: number, host: Host): Ip | undefined {
  return asHint(host, () => parseIp(readIfThere(cursorPath(store, rangeSet))?.trim() ?? ''));
}

/** Remembers the address that was leased last. A failure is only logged: the address is leased in any case. */
export function writeCursor(store: LockedStore, rangeSet: number, ip: Ip, host: Host): void {
  const path = cursorPath(store, rangeSet);
  asHint(host, () => overwriteFile(path, formatIp(ip)));
}

function linkLease(temporary: string, path: string): Outcome | 'no hard links' {
  const link = () => ignoring(NO_HARD_LINKS, (): Outcome => linkFile(temporary, path) ?? 'made') ?? 'no hard links';
  return doing('create the lease', path, () => ignoring([EEXIST], link)) ?? 'taken';
}

/**
 * Takes the name with an empty file, and replaces that with the complete one at once. A kill in between leaves the empty file,
 * which host-local and this program know as an aborted write.
 */
function claimLease(store: LockedStore, path: string, text: string, createdAtMs: number): Outcome {
  if (!createEmpty(path)) return 'taken';
  try {
    replaceFile(path, text, store.temporary, createdAtMs);
  } catch (error) {
    discardFile(path);
    throw error;
  }
  return 'made';
}

function writtenAtMs(store: Store, ip: Ip): number | undefined {
  const found = statLink(leasePath(store, ip));
  return found?.isFile ? found.mtimeMs : undefined;
}

/** Only the canonical form names a lease: any other file is no lease. */
function parseLeaseName(name: string): Ip | undefined {
  if (name.startsWith('l')) return undefined; // `lock`, `last_reserved_ip.<n>`
  const ip = parseIp(name);
  return ip !== undefined && formatIp(ip) === name ? ip : undefined;
}

/** Runs `act`; logs what it throws. */
function asHint<T>(host: Host, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    host.log('warn', `${reasonOf(error)}; round robin starts over`);
    return undefined;
  }
}
