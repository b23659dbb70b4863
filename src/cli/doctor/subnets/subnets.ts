/** The subnets that the node routes to its bridges: those of living attachments, and those of our configurations. */

import { type Cidr, networkOf } from '../../../address/cidr.ts';
import type { Attached, View } from '../attachments/view.ts';
import type { ConfiguredRanges } from '../store/ranges.ts';

export interface Subnet {
  readonly network: string;
  readonly subnet: Cidr;
  /** The interface with the gateway; it need not be there. */
  readonly link: string;
  /** The configuration that it is from, if there is one. */
  readonly file: string | undefined;
  /** A living attachment with an address of it. */
  readonly user: Attached | undefined;
}

/** One entry for each subnet of each interface. */
export function subnetsOf(view: View, ranges: readonly ConfiguredRanges[]): Subnet[] {
  const found = new Map<string, Subnet>();
  const files = new Map(ranges.map(({ plan, file }) => [plan.network, file]));
  for (const one of view.attached) {
    const link = view.gatewayLinkName(one);
    for (const text of one.wanted.gateway?.addresses ?? []) {
      if (found.has(`${link} ${text}`)) continue;
      const gateway = view.cidr(text);
      if (gateway === undefined) continue;
      const entry = { network: one.network, subnet: networkOf(gateway), link, file: files.get(one.network), user: one };
      found.set(`${link} ${text}`, entry);
    }
  }
  const living = new Set(view.attached.map(({ network }) => network));
  const planned = ranges.filter(
    ({ bridge, isGateway, plan }) => bridge !== '' && isGateway && !living.has(plan.network),
  );
  return [...found.values(), ...planned.flatMap(plannedSubnets)];
}

function plannedSubnets({ bridge, file, plan }: ConfiguredRanges): Subnet[] {
  const all = plan.rangeSets.flatMap((set) => set.ranges.map(({ subnet }) => subnet));
  return all.map((subnet) => ({ network: plan.network, subnet, link: bridge, file, user: undefined }));
}
