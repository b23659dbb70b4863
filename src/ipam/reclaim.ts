/** Making room when a range is exhausted: what is provably dead gives its addresses back. */

import { formatIp } from '../address/ip.ts';
import { removeAborted } from './aborted.ts';
import { tolerate } from './failures.ts';
import { type Doomed, findDead, release } from './garbage.ts';
import type { Host } from './host.ts';
import { leasedIps } from './leases.ts';
import { withLock } from './lock.ts';
import type { Store } from './paths.ts';

/**
 * Reclaims the dead of a network, and tells the host of each once the lock is free again. @throws Fault `busy`, `io`
 */
export function reclaimDead(store: Store, host: Host): void {
  const dead = findDead(store, host);
  const reclaimed: Doomed[] = [];
  withLock(store, host, () => {
    for (const one of dead) tolerate(host, () => release(store, one, host) && reclaimed.push(one));
    tolerate(host, () => removeAborted(store, leasedIps(store), host));
  });
  for (const { addresses, record } of reclaimed) {
    host.log('info', `reclaimed ${addresses.map(formatIp).join(' and ')} on ${store.network}: the holder is dead`);
    if (record !== undefined) host.onReclaim?.(record);
  }
}
