/** What attachments leave on a machine. */

import { type Leftovers, leftovers } from '../../support/leftovers.ts';
import type { Machine } from './machine.ts';

/** Where the store is when a configuration does not say. */
export const STORE = '/var/lib/cni/networks';

/** Links, leases and records, set elements; without iptables' nat, in which portmap and the reference's bridge keep chains of their own. */
export function left(machine: Machine): Omit<Leftovers, 'nat'> {
  const { nat: _, ...rest } = leftovers(machine.node, machine.path(STORE));
  return rest;
}
