/** Attachments of which it cannot be known whether they are alive: nobody gets their addresses, and an operator hears why. */

import { formatIp, type Ip } from '../address/ip.ts';
import { silentLog } from '../log.ts';
import type { Host } from './host.ts';
import { HOW_TO_KNOW, type Life, unknown } from './life.ts';
import type { Store } from './paths.ts';
import { recordedIps } from './record.ts';
import { readRecords } from './records.ts';

/** Of leases: how many, why and what to do, as a sentence; empty where there are none. @throws Fault `io` */
export function doubtsOf(store: Store, ips: readonly Ip[], host: Host): string {
  const records = readRecords(store, { ...host, log: silentLog });
  const byAddress = new Map(
    records.flatMap((record) => recordedIps(record).map((ip) => [formatIp(ip), record] as const)),
  );
  const lives = ips.map((ip) => {
    const record = byAddress.get(formatIp(ip));
    return record === undefined ? UNRECORDED : host.judge(record);
  });
  return doubtText('leases', lives);
}

const UNRECORDED = unknown('no record tells of its network namespace');

/** The same of lives that were judged. */
export function doubtText(what: 'leases' | 'attachments', lives: readonly Life[]): string {
  const doubts = lives.filter(({ state }) => state === 'unknown');
  const [first] = doubts;
  if (first === undefined) return '';
  return `${doubts.length} ${what} could not be judged alive or dead and are kept: ${first.evidence}. ${HOW_TO_KNOW}`;
}
