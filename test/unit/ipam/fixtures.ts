/** What the store's tests and their child processes share: a machine that can be rebooted, plans from a line of text. */

import { formatCidr } from '../../../src/address/cidr.ts';
import { type Ip, parseIp } from '../../../src/address/ip.ts';
import {
  type AttachmentRecord,
  alive,
  dead,
  type Host,
  type IpamPlan,
  ipamSchema,
  type Lease,
  type Owner,
  planIpam,
} from '../../../src/ipam/index.ts';
import { parseWith } from '../../../src/schema/explain.ts';
import { NETWORK } from './files.ts';

export { faultOf } from '../../support/fault.ts';
export * as files from './files.ts';
export { NETWORK };

export interface HostChanges extends Partial<Host> {
  /** In place of `judge`: nothing is unknown. */
  isDead?(record: AttachmentRecord): boolean;
}

export interface TestHost extends Host {
  readonly lines: string[];
}

/** A machine in its first boot where nothing is dead, unless told otherwise. What it logs is kept. */
export function host(changes: HostChanges = {}): TestHost {
  const lines: string[] = [];
  const { isDead = () => false, bootId = 'boot-1' } = changes;
  return {
    bootId,
    bootedAtMs: () => Date.now() - 3_600_000,
    nowMs: () => Date.now(),
    judge: (record) => (isDead(record) || record.bootId !== bootId ? dead('it is told so') : alive('it is told so')),
    log: (level, message) => lines.push(`${level}: ${message}`),
    lines,
    ...changes,
  };
}

export interface PlanChanges {
  readonly requested?: readonly string[];
  readonly section?: object;
  readonly network?: string;
}

/** A plan with a range set for each text: `10.1.0.0/24`, or `10.1.0.0/24 10.2.0.0/24` for two pools. */
export function plan(dataDir: string, sets: readonly string[], changes: PlanChanges = {}): IpamPlan {
  const ranges = sets.map((set) => set.split(' ').map((subnet) => ({ subnet })));
  const section = parseWith(
    ipamSchema,
    { type: 'trestle-ipam', dataDir, ranges, ...changes.section },
    'ipam',
    'config',
  );
  const requested = (changes.requested ?? []).map(ip);
  return planIpam({ network: changes.network ?? NETWORK, cniVersion: '1.0.0', section, requested });
}

export function owner(containerId: string, changes: Partial<Owner> = {}): Owner {
  return { network: NETWORK, containerId, ifName: 'eth0', ...changes };
}

export function ip(text: string): Ip {
  return parseIp(text) as Ip;
}

export function texts(leases: readonly Lease[]): string[] {
  return leases.map(({ address }) => formatCidr(address));
}
