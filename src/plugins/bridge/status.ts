/** STATUS: whether an ADD can succeed, or the node's owner must mend something first. A limit is only a warning. */

import { firstValue } from '../../address/cidr.ts';
import { delegateCommand } from '../../cni/delegate.ts';
import { limited } from '../../cni/strictness.ts';
import { Fault, reasonOf } from '../../fault.ts';
import { type IpamPlan, statusOf } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { neighboursOf, ownersOf } from '../../resources/attachment.ts';
import { withNode } from '../../resources/node.ts';
import { ablePlan, type Plan } from '../../resources/plan.ts';
import { planOf } from '../allocation.ts';
import { mainHost } from './host.ts';
import { attachmentPlan, configuredMtu, newPort, withGateways } from './plan.ts';
import type { MainRequest } from './request.ts';
import { readSettings, type Settings } from './settings.ts';
import { findSharedSubnet } from './shared-subnet.ts';

/** @throws Fault `unavailable` with the reason, `config` where no ADD can ever succeed; see `limited` for limits */
export function status(request: MainRequest, { log, step }: Journal): void {
  const settings = readSettings(request.config);
  const { strictness } = settings;
  const ipam = planOf(request);
  withNode(request.searchPath, log, (own) => {
    const host = mainHost(own, request.dataDir);
    const node = {
      ...own,
      neighbours: () => neighboursOf(own, request, request.dataDir, host),
      owners: () => ownersOf(request, request.dataDir),
    };
    const limits = asUnavailable(() => ablePlan(node, sketch(request, settings, ipam), step));
    const shared = ipam && step('look at other networks', () => findSharedSubnet(node, settings.bridge, ipam, host));
    if (shared !== undefined) limits.push(shared);
    for (const limit of limits) limited(() => raise(limit), 'limited', 'limited', strictness, log);
    if (ipam !== undefined) {
      const leases = () => statusOf(ipam, host);
      step('look at the leases', () => limited(leases, 'exhausted', 'unavailable', strictness, log));
    }
    const { delegation } = request;
    if (delegation !== undefined) {
      step(`have ${delegation.type} do STATUS`, () => delegateCommand(delegation, 'STATUS'));
    }
  });
}

/** The plan of an imagined attachment with an address of each range set. */
function sketch(request: MainRequest, settings: Settings, ipam: IpamPlan | undefined): Plan {
  const ranges = (ipam?.rangeSets ?? []).flatMap((set) => set.ranges.slice(0, 1));
  const addresses = ranges.map(({ subnet, gateway }) => ({
    address: { ip: { family: subnet.ip.family, value: firstValue(subnet) }, prefix: subnet.prefix },
    gateway,
  }));
  const allocation = withGateways({ addresses, routes: [], dns: {} }, settings);
  return attachmentPlan(
    request,
    settings,
    allocation,
    newPort(request, settings, () => configuredMtu(settings)),
  );
}

function raise(fault: Fault): never {
  throw fault;
}

/** What would fail an ADD becomes a Fault `unavailable`, which has the code of STATUS. */
function asUnavailable<T>(ask: () => T): T {
  try {
    return ask();
  } catch (cause) {
    const details = cause instanceof Fault ? cause.details : undefined;
    throw new Fault('unavailable', reasonOf(cause), { cause, ...(details && { details }) });
  }
}
