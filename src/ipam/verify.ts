/** CHECK's part: the leases are there, are the attachment's, and are what the result of ADD says. */

import { formatIp, type Ip, sameIp } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import { type Attachment, type AttachmentRecord, attachmentText } from './attachment.ts';
import type { Host } from './host.ts';
import { isHeldBy, readLease } from './lease.ts';
import { readRecord, recordedIps } from './record.ts';
import { holderOf } from './status.ts';
import { leasePath, type Store, storeOf } from './store.ts';

/**
 * Verifies the leases of `expected`, the addresses of the container in prevResult. Reads their files and the record, no more.
 * @throws Fault `check` that names the first lease that is off, `io`
 */
export function verifyLeases(dataDir: string, attachment: Attachment, expected: readonly Ip[], host: Host): void {
  const store = storeOf(dataDir, attachment.network);
  const record = readRecord(store, attachment, host);
  if (record !== undefined) verifyRecorded(record, expected);
  else if (expected.length === 0) throw off(`${attachmentText(attachment)} has no record, and no address is expected`);
  for (const ip of expected) verifyLease(store, attachment, ip, host);
}

/**
 * Record and result must name the same addresses. A record without addresses is of an attachment that got them elsewhere.
 * @throws Fault `check`
 */
function verifyRecorded(record: AttachmentRecord, expected: readonly Ip[]): void {
  const recorded = recordedIps(record);
  if (recorded.length === 0) return;
  const extra = recorded.find((ip) => !expected.some((other) => sameIp(ip, other)));
  const missing = expected.find((ip) => !recorded.some((other) => sameIp(ip, other)));
  if (extra === undefined && missing === undefined) return;
  const list = (ips: readonly Ip[]) => ips.map(formatIp).join(' and ') || 'none';
  throw off(`${attachmentText(record)} was leased ${list(recorded)}, and the previous result says ${list(expected)}`);
}

function verifyLease(store: Store, attachment: Attachment, ip: Ip, host: Host): void {
  const text = readLease(store, ip);
  if (text === undefined) {
    throw off(
      `the lease of ${formatIp(ip)} for ${attachmentText(attachment)} is missing: ${leasePath(store, ip)} is not there`,
    );
  }
  if (isHeldBy(text, attachment)) return;
  throw off(
    `the lease of ${formatIp(ip)} for ${attachmentText(attachment)} is not its own: ${holderOf(store, ip, host)} holds it`,
  );
}

function off(finding: string): Fault {
  return new Fault('check', `cannot confirm the leases: ${finding}`, {
    details:
      'Restart the container, so that it gets an address that is its own; until then the address may be used twice.',
  });
}
