/** STATUS: whether an ADD could succeed now. */

import { Fault, reasonOf } from '../fault.ts';
import { statusOf } from '../ipam/index.ts';
import type { Journal } from '../log.ts';
import { findBridge } from '../network/bridge.ts';
import { type NodeKernel, openNodeKernel } from '../network/kernel.ts';
import { verifyGuardable } from '../network/mac-guard.ts';
import { verifyMasqueradable } from '../network/masquerade.ts';
import { planOf } from './allocation.ts';
import { delegateCommand } from './delegate.ts';
import { mainHost } from './host.ts';
import type { MainRequest } from './request.ts';
import { readSettings } from './settings.ts';

/** @throws Fault `unavailable` with the reason, `config` where no ADD can ever succeed */
export function status(request: MainRequest, { log, step }: Journal): void {
  const settings = readSettings(request.config);
  const plan = planOf(request);
  const node = openNodeKernel();
  try {
    step('look at the bridge', () => asUnavailable(() => findBridge(node.route, settings.bridge)));
    if (settings.ipMasq) step('ask for nftables', () => verifyNftables(node));
    if (settings.guarded) step('ask for nftables on bridges', () => verifyBridgeFilter(node));
    if (plan !== undefined) step('look at the leases', () => statusOf(plan, mainHost(node, log)));
    const { delegation } = request;
    if (delegation !== undefined)
      step(`have ${delegation.type} do STATUS`, () => delegateCommand(delegation, 'STATUS'));
  } finally {
    node.close();
  }
}

function verifyNftables(node: NodeKernel): void {
  const details = 'ipMasq needs nf_tables in the kernel (modprobe nf_tables; modules nft_masq and nft_nat).';
  asUnavailable(() => verifyMasqueradable(node.nft()), details);
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
