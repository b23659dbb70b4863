/** The sections in the order in which they are shown: from the node to what it can reach. */

import type { Section } from '../examination.ts';
import { addresses } from './addresses.ts';
import { configurations } from './configurations.ts';
import { forwarding } from './forwarding.ts';
import { kernel } from './kernel.ts';
import { kernelLog } from './kernel-log.ts';
import { leases } from './leases.ts';
import { links } from './links.ts';
import { packetFilters } from './packet-filters.ts';
import { permissions } from './permissions.ts';
import { plugins } from './plugins.ts';
import { reachability } from './reachability.ts';
import { runtimeSection } from './runtime.ts';
import { subnets } from './subnets.ts';
import { tables } from './tables.ts';

export const SECTIONS: readonly Section[] = [
  permissions,
  kernel,
  configurations,
  plugins,
  runtimeSection,
  forwarding,
  packetFilters,
  tables,
  leases,
  links,
  addresses,
  subnets,
  reachability,
  kernelLog,
];
