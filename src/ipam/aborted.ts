/**
 * Empty lease files. Both programs write leases under the lock, so whoever holds it and sees one sees an aborted
 * write.
 */

import { formatIp, type Ip } from '../address/ip.ts';
import { removeFile } from './files.ts';
import type { Host } from './host.ts';
import { leaseState } from './leases.ts';
import { leasePath, type Store } from './paths.ts';
import { recordedIps } from './record.ts';
import { readRecords } from './records.ts';

/**
 * Removes those of the leases that are empty and that no record claims. The caller holds the lock.
 * @returns the addresses that are free now. @throws Fault `io`
 */
export function removeAborted(store: Store, ips: readonly Ip[], host: Host): Ip[] {
  const empty = ips.filter((ip) => leaseState(store, ip) === 'empty');
  if (empty.length === 0) return [];
  const claimed = new Set(readRecords(store, host).flatMap(recordedIps).map(formatIp));
  return empty.filter((ip) => {
    const isAborted = !claimed.has(formatIp(ip));
    const outcome = isAborted ? 'removed it' : 'kept it, since a record claims the address';
    host.log('warn', `the lease file ${leasePath(store, ip)} is empty: ${outcome}`);
    return isAborted && removeFile(leasePath(store, ip));
  });
}
