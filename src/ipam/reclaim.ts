/** Making room when a range is exhausted: what is provably dead gives its addresses back. */

import { formatIp } from '../address/ip.ts';
import type { Fault } from '../fault.ts';
import { removeAborted } from './aborted.ts';
import { failuresOf, tolerate } from './failures.ts';
import { type Doomed, findDead, release } from './garbage.ts';
import type { Host } from './host.ts';
import { leasedIps } from './leases.ts';
import { withLock } from './lock.ts';
import type { Store } from './paths.ts';

/**
 * Reclaims the dead of a network, with all that they have on the node. Each holds the lock for itself, so that others need
 * not wait for all of them. @returns why others stay leased, a Fault each, which are logged, too. @throws Fault `busy`, `io`
 */
export function reclaimDead(store: Store, host: Host): readonly Fault[] {
  const failures: Fault[] = [];
  for (const one of findDead(store, host)) {
    const act = () => release(store, one, host) && tell(store, one, host);
    failures.push(...withLock(store, host, () => failuresOf(act)));
  }
  withLock(store, host, () => tolerate(host, () => removeAborted(store, leasedIps(store), host)));
  for (const { message } of failures) host.log('warn', message);
  return failures;
}

function tell({ network }: Store, { addresses }: Doomed, host: Host): void {
  host.log('info', `reclaimed ${addresses.map(formatIp).join(' and ')} on ${network}: the holder is dead`);
}
