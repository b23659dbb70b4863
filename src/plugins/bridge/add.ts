/** ADD: the table of contents. Each step that changed something pushes its inverse; an error runs them backwards. */

import type { Family } from '../../address/ip.ts';
import { formatMac } from '../../address/mac.ts';
import type { Result } from '../../cni/result.ts';
import { warnOf } from '../../cni/strictness.ts';
import { Fault, reasonOf } from '../../fault.ts';
import type { Journal } from '../../log.ts';
import type { Link } from '../../netlink/route/link.ts';
import { configureInterface } from '../../resources/addressing/addressing.ts';
import { findBridge, isOwnBridge } from '../../resources/bridge/bridge.ts';
import { uplinkMtu } from '../../resources/bridge/mtu.ts';
import type { ForwardMode } from '../../resources/forward-accept/chain.ts';
import { verifyNoForeignDrop } from '../../resources/forward-accept/foreign-drop.ts';
import { ensureForwardAccept } from '../../resources/forward-accept/forward-accept.ts';
import { ensureForwarding } from '../../resources/forwarding/forwarding.ts';
import { keepAdvertisedRoutes } from '../../resources/forwarding/router-advertisements.ts';
import { findLink } from '../../resources/links.ts';
import { openContainerKernel, openNodeKernel } from '../../resources/node.ts';
import type { VethPair } from '../../resources/port/veth.ts';
import { createUndo } from '../../resources/undo.ts';
import { verifyVlanFilterable } from '../../resources/vlan/vlan.ts';
import { sameNetns } from '../../sys/netns.ts';
import { takeAddresses, takeElsewhere } from './add-addresses.ts';
import { plugIn, prepareBridge, prepareGateways } from './add-bridge.ts';
import type { AddCall } from './add-call.ts';
import { type Allocation, familiesOf, filteredFamilies, planOf, withGateways } from './allocation.ts';
import { masqueradeAddress } from './filters.ts';
import type { MainRequest } from './request.ts';
import { readSettings } from './settings.ts';

/** Attaches the container. On failure nothing is left. @throws Fault, KernelError, SystemError: the first error */
export function add(request: MainRequest, journal: Journal): Result {
  const settings = readSettings(request.config);
  const plan = planOf(request);
  const node = openNodeKernel(request.searchPath);
  const container = openContainerKernel(node, request.netns);
  const undo = createUndo(journal.log);
  try {
    return attach({ request, settings, plan, node, container, undo, ...journal });
  } catch (error) {
    journal.step('take everything back', undo.unwind);
    throw error;
  } finally {
    container.close();
    node.close();
  }
}

function attach(call: AddCall): Result {
  const { step } = call;
  const found = step('look at the place', () => inspectPlace(call));
  const taken = step('take addresses', () => withGateways(takeAddresses(call), call.settings));
  const mtu = call.settings.mtu ?? uplinkMtu(call.node.route);
  const bridge = step('prepare the bridge', () => prepareBridge(call, found, mtu));
  const early = step('prepare the gateways', () => prepareGateways(call, bridge, taken));
  const pair = step('plug in', () => plugIn(call, bridge, mtu));
  const given = takeElsewhere(call);
  const late = given && step('prepare the gateways', () => prepareGateways(call, bridge, given, pair.host));
  const [allocation, vlanGateway] = given === undefined ? [taken, early] : [given, late];
  const { keepDown, ipMasq, isGateway, forward } = call.settings;
  if (!keepDown) step('configure the interface', () => configure(call, pair, allocation));
  if (ipMasq) step('masquerade', () => masqueradeAddresses(call, allocation));
  if (isGateway) step('forward', () => startForwarding(call, familiesOf(allocation)));
  if (forward) {
    const links = [bridge, vlanGateway];
    step('accept what is forwarded', () => acceptForwarding(call, forward, links, allocation));
    step('look for drops', () => warnOfDrops(call, links, allocation));
  }
  return resultOf(call, asItIsNow(call, bridge), pair, vlanGateway, allocation);
}

/** What can be seen to stand in the way, before anything is changed. @returns the bridge, if it is there */
function inspectPlace({ request, settings, node, container }: AddCall): Link | undefined {
  if (sameNetns(node.netns, container.netns)) throw ownNetns(request.netns);
  if (settings.vlans !== undefined) verifyVlanFilterable(node.route);
  return findBridge(node.route, settings.bridge);
}

function configure({ container, settings }: AddCall, pair: VethPair, allocation: Allocation): void {
  const { detectDuplicates } = settings;
  configureInterface(container, pair.container, { ...allocation, detectDuplicates });
}

function masqueradeAddresses(call: AddCall, { addresses }: Allocation): void {
  for (const { address } of addresses) masqueradeAddress(call, address);
}

function startForwarding({ node }: AddCall, families: ReadonlySet<Family>): void {
  if (families.has(6)) keepAdvertisedRoutes(node.route);
  ensureForwarding(node.route, families);
}

/** Bridged frames go by the bridge, what leaves a VLAN by its gateway. */
function acceptForwarding(
  { node, log }: AddCall,
  mode: ForwardMode,
  links: readonly (Link | undefined)[],
  allocation: Allocation,
): void {
  for (const link of links) {
    if (link !== undefined) ensureForwardAccept(node, link.name, mode, filteredFamilies(allocation), log);
  }
}

/** A drop in a table of somebody else fails nothing here, and cannot be overruled: CHECK finds it, too. */
function warnOfDrops({ node, log }: AddCall, links: readonly (Link | undefined)[], allocation: Allocation): void {
  for (const link of links) {
    if (link === undefined) continue;
    try {
      verifyNoForeignDrop(node, link.name, filteredFamilies(allocation), 'limited');
    } catch (error) {
      if (error instanceof Fault) warnOf(error, log);
      else log('warn', `cannot tell whether something drops what ${link.name} forwards: ${reasonOf(error)}`);
    }
  }
}

/** A bridge that is not ours may have taken another MAC with the new port. */
function asItIsNow({ node }: AddCall, bridge: Link): Link {
  return isOwnBridge(bridge) ? bridge : (findLink(node.route, bridge.index) ?? bridge);
}

/** The order of the interfaces is the reference's: bridge, host veth, container, the VLAN's gateway. */
function resultOf(
  { request }: AddCall,
  bridge: Link,
  { host, container }: VethPair,
  vlanGateway: Link | undefined,
  allocation: Allocation,
): Result {
  const identity = ({ name, mac }: Pick<Link, 'name' | 'mac'>) => ({ name, mac: formatMac(mac) });
  const inside = { ...identity(container), mtu: container.mtu, sandbox: request.netns };
  return {
    interfaces: [
      identity(bridge),
      identity(host),
      inside,
      ...(vlanGateway === undefined ? [] : [identity(vlanGateway)]),
    ],
    ips: allocation.addresses.map((address) => ({ ...address, interface: 2 })),
    routes: allocation.routes,
    dns: allocation.dns,
  };
}

function ownNetns(path: string): Fault {
  return new Fault(
    'environment',
    `cannot attach ${path} (CNI_NETNS): it is the network namespace that the plugin itself runs in`,
    {
      details: 'CNI_NETNS must be the netns of the container. Containers on the host network need no CNI call.',
    },
  );
}
