/** STATUS: whether an ADD can succeed, or the node's owner must mend something first. What only limits is a warning. */

import type { Family } from '../../address/ip.ts';
import { delegateCommand } from '../../cni/delegate.ts';
import { limited } from '../../cni/strictness.ts';
import { Fault, reasonOf } from '../../fault.ts';
import { type IpamPlan, statusOf } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { findBridge } from '../../resources/bridge/bridge.ts';
import { verifyAcceptable } from '../../resources/forward-accept/forward-accept.ts';
import { verifyGuardable } from '../../resources/guard/guard.ts';
import { verifyBackend } from '../../resources/masquerade/backend.ts';
import { type NodeKernel, openNodeKernel } from '../../resources/node.ts';
import { verifyVlanFilterable } from '../../resources/vlan/vlan.ts';
import { planOf } from './allocation.ts';
import { mainHost } from './host.ts';
import type { MainRequest } from './request.ts';
import { readSettings } from './settings.ts';

/** @throws Fault `unavailable` with the reason, `config` where no ADD can ever succeed; see `limited` for the rest */
export function status(request: MainRequest, { log, step }: Journal): void {
  const settings = readSettings(request.config);
  const { strictness } = settings;
  const plan = planOf(request);
  const node = openNodeKernel(request.searchPath);
  try {
    const families = plannedFamilies(plan);
    step('look at the bridge', () => asUnavailable(() => findBridge(node.route, settings.bridge)));
    if (settings.vlans !== undefined) step('try VLANs', () => asUnavailable(() => verifyVlanFilterable(node.route)));
    const { forward } = settings;
    const acceptable = () => forward && verifyAcceptable(node, settings.bridge, forward, families);
    if (forward) step('look for drops', () => limited(acceptable, 'limited', 'limited', strictness, log));
    if (settings.ipMasq)
      step('ask for the packet filter', () => asUnavailable(() => verifyBackend(node, settings.backend, families)));
    if (settings.guarded) step('ask for nftables on bridges', () => verifyBridgeFilter(node));
    if (plan !== undefined) {
      const leases = () => statusOf(plan, mainHost(node, log));
      step('look at the leases', () => limited(leases, 'exhausted', 'unavailable', strictness, log));
    }
    const { delegation } = request;
    if (delegation !== undefined)
      step(`have ${delegation.type} do STATUS`, () => delegateCommand(delegation, 'STATUS'));
  } finally {
    node.close();
  }
}

/** Both where somebody else does the IPAM. */
function plannedFamilies(plan: IpamPlan | undefined): ReadonlySet<Family> {
  if (plan === undefined) return new Set([4, 6]);
  return new Set(plan.rangeSets.flatMap(({ ranges }) => ranges.map(({ subnet }) => subnet.ip.family)));
}

function verifyBridgeFilter(node: NodeKernel): void {
  const details =
    'macspoofchk needs nf_tables for bridges in the kernel (CONFIG_NF_TABLES_BRIDGE; modprobe nf_tables).';
  asUnavailable(() => verifyGuardable(node.nft()), details);
}

/** What would fail an ADD is told with STATUS's own code. */
function asUnavailable(verify: () => unknown, details?: string): void {
  try {
    verify();
  } catch (cause) {
    const advice = details ?? (cause instanceof Fault ? cause.details : undefined);
    throw new Fault('unavailable', reasonOf(cause), { cause, ...(advice && { details: advice }) });
  }
}
