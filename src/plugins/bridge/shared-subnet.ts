/** Finds networks that give out addresses of one range on one bridge: each network knows only its own leases. */

import { type Cidr, formatCidr } from '../../address/cidr.ts';
import { Fault } from '../../fault.ts';
import { type Host, type IpamPlan, listNetworks, listRecords, recordedAddresses } from '../../ipam/index.ts';
import { recordedPlan } from '../../resources/attachment.ts';
import type { Node } from '../../resources/node.ts';
import { wantedOf } from '../../resources/plan.ts';
import { portKind } from '../../resources/port/port.ts';

/**
 * Looks at the recorded attachments of the other networks of the data directory. Two networks may share a subnet if their
 * ranges differ, so only an address within a range of this network counts.
 * @returns a Fault `limited` for the first such address. @throws Fault `io`
 */
export function findSharedSubnet(node: Node, bridge: string, plan: IpamPlan, host: Host): Fault | undefined {
  const { dataDir } = plan;
  const ranges = plan.rangeSets.flatMap((set) => set.ranges);
  for (const network of listNetworks(dataDir).filter((other) => other !== plan.network)) {
    for (const record of listRecords(dataDir, network, host)) {
      const addresses = recordedAddresses(record);
      const taken = addresses.find(({ ip }) =>
        ranges.some(({ family, first, last }) => ip.family === family && first <= ip.value && ip.value <= last),
      );
      if (taken === undefined) continue;
      const isPort = ({ name }: { readonly name: string }) => name === portKind.name;
      const [port] = wantedOf(recordedPlan(record, record, dataDir, node.log, isPort), portKind);
      if (port?.bridge === bridge) return shared(network, bridge, taken);
    }
  }
  return undefined;
}

function shared(network: string, bridge: string, address: Cidr): Fault {
  const message = `the network ${network} on the bridge ${bridge} gives out addresses of the same range: ${formatCidr(address)}`;
  return new Fault('limited', message, {
    details: 'Two containers may get the same address. Give one of the networks another subnet, range or bridge.',
  });
}
