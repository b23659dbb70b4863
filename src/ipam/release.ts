/** DEL's part: the addresses go back, and the record goes last. */

import { existsSync } from 'node:fs';
import type { Ip } from '../address/ip.ts';
import type { Attachment } from './attachment.ts';
import { removeAttachment, sweepAfterBoot } from './boot.ts';
import type { Host } from './host.ts';
import { decodeLease, isHeldBy, leasedIps, readLease, removeLease } from './lease.ts';
import { withLock } from './lock.ts';
import { recordPath, type Store, storeOf } from './paths.ts';
import { readRecord, removeRecord } from './records.ts';

/**
 * Releases what the attachment holds; nothing is no error. Only leases that are still its own are removed. Where it has
 * no record, as with those that host-local made, its leases are found by their content.
 * @returns the addresses that were released. @throws Fault `busy`, `io`
 */
export function releaseAddresses(dataDir: string, attachment: Attachment, host: Host): readonly Ip[] {
  const store = storeOf(dataDir, attachment.network);
  const hasRecord = existsSync(recordPath(store, attachment));
  const found = hasRecord ? [] : leasesOf(store, attachment);
  if (!hasRecord && found.length === 0) return [];
  return withLock(store, host, () => {
    const released = releaseHeld(store, attachment, found, host);
    if (existsSync(store.own)) sweepAfterBoot(store, host);
    return released;
  });
}

function releaseHeld(store: Store, attachment: Attachment, found: readonly Ip[], host: Host): Ip[] {
  const record = readRecord(store, attachment, host);
  if (record !== undefined) return removeAttachment(store, record);
  const held = found.length > 0 ? found : leasesOf(store, attachment);
  const released = held.filter((ip) => removeLease(store, ip, attachment));
  removeRecord(store, attachment); // a broken one
  return released;
}

/** Reads every lease. Those without interface (very old host-local) count only where none has it, as in host-local. */
function leasesOf(store: Store, attachment: Attachment): Ip[] {
  const own = leasedIps(store).flatMap((ip) => {
    const text = readLease(store, ip) ?? '';
    return isHeldBy(text, attachment) ? [{ ip, exact: decodeLease(text)?.ifName !== undefined }] : [];
  });
  const exact = own.filter((lease) => lease.exact);
  return (exact.length > 0 ? exact : own).map(({ ip }) => ip);
}
