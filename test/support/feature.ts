/** Tests that need what not every kernel has: skipped loudly where it is missing, and then run by the step kernel61. */

import { eachArtifact } from './artifacts.ts';
import { createNetns, tryExec } from './netns.ts';
import { canUseNetns, describeOnKernel, describeUnless } from './privilege.ts';
import { type Feature, lacking } from './skipped.ts';

const PROBES: Record<Feature, string> = {
  // A kernel without it ignores the option, and knows no VLANs of the bridge.
  'vlan-filtering': 'ip link add probe type bridge vlan_filtering 1 ; bridge vlan add dev probe vid 5 self',
  vlan: 'ip link add base type veth peer name other ; ip link add link base name probe type vlan id 5',
  dummy: 'ip link add probe type dummy',
  ipvlan: 'ip link add base type veth peer name other ; ip link add link base name probe type ipvlan',
  vrf: 'ip link add probe type vrf table 10',
  // Only a machine that is emulated for the tests is theirs altogether.
  settings: 'test -d /run/vm/exchange',
};

const known = new Map<Feature, boolean>();

/** `describe` for what needs namespaces and a feature of the kernel. */
export function describeNeeding(feature: Feature, name: string, body: () => void): void {
  if (!canUseNetns) describeOnKernel(name, body);
  else describeUnless(hasFeature(feature) ? undefined : lacking(feature), name, body);
}

/** The same for each artifact; with `all`, whichever a run is limited to. */
export function e2eNeeding(
  feature: Feature,
  name: string,
  body: Parameters<typeof eachArtifact>[0],
  options?: Parameters<typeof eachArtifact>[1],
): void {
  describeNeeding(feature, name, () => eachArtifact(body, options));
}

/** Tried out in a namespace of its own. */
export function hasFeature(feature: Feature): boolean {
  const found = known.get(feature) ?? probe(feature);
  known.set(feature, found);
  return found;
}

function probe(feature: Feature): boolean {
  using ns = createNetns();
  return PROBES[feature].split(' ; ').every((command) => tryExec(ns, command.split(' ')).status === 0);
}
