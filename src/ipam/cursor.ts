/** Where round robin of a range set goes on: host-local's `last_reserved_ip.<n>`. A hint, never a reason to fail. */

import { formatIp, type Ip, parseIp } from '../address/ip.ts';
import { reasonOf } from '../fault.ts';
import { overwriteFile, readIfThere } from './files.ts';
import type { Host } from './host.ts';
import { cursorPath, type Store } from './paths.ts';

/** The address that was leased last; undefined where nothing readable says so. */
export function readCursor(store: Store, rangeSet: number, host: Host): Ip | undefined {
  return asHint(host, () => parseIp(readIfThere(cursorPath(store, rangeSet))?.trim() ?? ''));
}

/** The caller holds the lock. A failure is logged: the address is leased all the same. */
export function writeCursor(store: Store, rangeSet: number, ip: Ip, host: Host): void {
  const path = cursorPath(store, rangeSet);
  asHint(host, () => overwriteFile(path, formatIp(ip)));
}

function asHint<T>(host: Host, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    host.log('warn', `${reasonOf(error)}; round robin starts over`);
    return undefined;
  }
}
