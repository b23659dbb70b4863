/** ADD: the table of contents. Each step that changed something pushes its inverse; an error runs them backwards. */

import { formatCidr } from '../address/cidr.ts';
import type { Family } from '../address/ip.ts';
import { formatMac } from '../address/mac.ts';
import { Fault } from '../fault.ts';
import { amendRecord, type Host, type IpamPlan, type Owner, releaseAddresses } from '../ipam/index.ts';
import type { Journal } from '../log.ts';
import type { Link } from '../netlink/route/link.ts';
import { configureInterface, refuseAdvertisements } from '../network/addressing.ts';
import { ensureBridge, findBridge } from '../network/bridge.ts';
import { ensureForwardAccept, withdrawForwardAccept } from '../network/forward-accept.ts';
import { ensureForwarding } from '../network/forwarding.ts';
import { ensureGateways } from '../network/gateway.ts';
import { type ContainerKernel, type NodeKernel, openContainerKernel, openNodeKernel } from '../network/kernel.ts';
import { uplinkMtu } from '../network/mtu.ts';
import { hostVethName } from '../network/names.ts';
import { closeToAdvertisements, keepAdvertisedRoutes } from '../network/router-advertisements.ts';
import { createUndo, type Undo } from '../network/undo.ts';
import { createVethPair, type VethPair } from '../network/veth.ts';
import { joinVlans, verifyVlanFilterable } from '../network/vlan.ts';
import { ensureVlanGateway, vlanUsers } from '../network/vlan-gateway.ts';
import { sameNetns } from '../sys/netns.ts';
import {
  type Allocation,
  allocate,
  allocateElsewhere,
  familiesOf,
  filteredFamilies,
  gatewaysOf,
  planOf,
  withGateways,
} from './allocation.ts';
import { delegateCommand } from './delegate.ts';
import { guardContainer, masqueradeAddress } from './filters.ts';
import { guardNote, macOf } from './guard.ts';
import { addHost, mainHost } from './host.ts';
import type { MainRequest } from './request.ts';
import type { Result } from './result.ts';
import { readSettings, type Settings } from './settings.ts';
import { backendNote, encodeNotes } from './traces.ts';
import { gatewayVlan } from './vlan-settings.ts';

interface Add extends Journal {
  readonly request: MainRequest;
  readonly settings: Settings;
  readonly plan: IpamPlan | undefined;
  readonly node: NodeKernel;
  readonly container: ContainerKernel;
  readonly undo: Undo;
}

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

function attach(call: Add): Result {
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
  if (forward) step('accept what is forwarded', () => acceptForwarding(call, [bridge, vlanGateway], allocation));
  return resultOf(call, bridge, pair, vlanGateway, allocation);
}

/** What can be seen to stand in the way, before anything is changed. @returns the bridge, if it is there */
function inspectPlace({ request, settings, node, container }: Add): Link | undefined {
  if (sameNetns(node.netns, container.netns)) throw ownNetns(request.netns);
  if (settings.vlans !== undefined) verifyVlanFilterable(node.route);
  return findBridge(node.route, settings.bridge);
}

/** None where another plugin gives them: only the record is written then. */
function takeAddresses({ request, plan, node, container, undo, log, settings }: Add): Allocation {
  const { network, containerId, ifName, pod, netns: path } = request;
  const { device, inode } = container.netns;
  const hostVeth = hostVethName(request);
  const netns = { path, device, inode };
  const masquerade = settings.ipMasq;
  const notes = encodeNotes({ process: process.pid, masquerade, ...filterNotes(request, settings) });
  const owner: Owner = { network, containerId, ifName, pod, netns, hostVeth, notes };
  const host = addHost(node, owner, log);
  const allocation = allocate(request, plan, owner, host);
  undo.push('release the addresses', () => releaseAddresses(request.dataDir, request, host));
  return allocation;
}

/** Has another plugin give the addresses, if one is to. It may need the interface for that, as dhcp does, which sets it up. */
function takeElsewhere({ request, settings, node, container, undo, log, step }: Add): Allocation | undefined {
  const { delegation } = request;
  if (delegation === undefined) return undefined;
  refuseAdvertisements(container, request.ifName);
  undo.push(`have ${delegation.type} release the addresses`, () => delegateCommand(delegation, 'DEL'));
  const given = step(`have ${delegation.type} do ADD`, () => allocateElsewhere(request, delegation));
  if (settings.ipMasq) noteMasquerade(request, given, mainHost(node, log), filterNotes(request, settings));
  return withGateways(given, settings);
}

/** DEL has no other way to know what somebody else's IPAM gave. */
function noteMasquerade(request: MainRequest, { addresses }: Allocation, host: Host, filters: FilterNotes): void {
  const masquerade = addresses.map(({ address }) => formatCidr(address));
  amendRecord(request.dataDir, request, encodeNotes({ process: process.pid, masquerade, ...filters }), host);
}

type FilterNotes = ReturnType<typeof filterNotes>;

function filterNotes(request: MainRequest, settings: Settings) {
  return { ...guardNote(request, settings), ...backendNote(settings.backend) };
}

function prepareBridge({ node, settings }: Add, found: Link | undefined, mtu: number | undefined): Link {
  const { bridge: name, promiscuous, vlans } = settings;
  const bridge = ensureBridge(node.route, found, { name, mtu, promiscuous, vlanFiltering: vlans !== undefined });
  if (settings.isGateway) closeToAdvertisements(node.route, bridge);
  return bridge;
}

/** `ownPort` is the port that is being made, if it is there. @returns the VLAN's gateway, where the bridge cannot be it */
function prepareGateways(
  { node, settings }: Add,
  bridge: Link,
  allocation: Allocation,
  ownPort?: Link,
): Link | undefined {
  const gateways = settings.isGateway ? gatewaysOf(allocation) : [];
  if (gateways.length === 0) return undefined;
  const vlan = gatewayVlan(settings.vlans);
  if (vlan === undefined) {
    ensureGateways(node.route, bridge, gateways, settings.forceAddress, ownPort);
    return undefined;
  }
  const gateway = ensureVlanGateway(node, bridge, vlan);
  const users = () => vlanUsers(node.route, bridge, gateway, vlan.vlan);
  ensureGateways(node.route, gateway, gateways, settings.forceAddress, ownPort, users);
  return gateway;
}

function plugIn(call: Add, bridge: Link, mtu: number | undefined): VethPair {
  const { request, settings, node, container, undo, log } = call;
  const mac = macOf(request);
  if (settings.guarded) guardContainer(call, bridge, mac);
  const port = { hairpin: settings.hairpin, isolated: settings.isolated };
  const veth = { attachment: request, containerMac: mac, mtu, port };
  // Before the veth, since it does something only when that is gone.
  undo.push('take back what forwarding needed', () => withdrawForwardAccept(node, bridge.name, log));
  const pair = createVethPair(node, container, bridge, veth, undo);
  if (settings.vlans !== undefined) joinVlans(node.route, pair.host.index, settings.vlans.port);
  return pair;
}

function configure({ container, settings }: Add, pair: VethPair, allocation: Allocation): void {
  const { detectDuplicates } = settings;
  configureInterface(container, pair.container, { ...allocation, detectDuplicates });
}

function masqueradeAddresses(call: Add, { addresses }: Allocation): void {
  for (const { address } of addresses) masqueradeAddress(call, address);
}

function startForwarding({ node }: Add, families: ReadonlySet<Family>): void {
  if (families.has(6)) keepAdvertisedRoutes(node.route);
  ensureForwarding(families);
}

/** Bridged frames go by the bridge, what leaves a VLAN by its gateway. */
function acceptForwarding({ node, log }: Add, links: readonly (Link | undefined)[], allocation: Allocation): void {
  for (const link of links) {
    if (link !== undefined) ensureForwardAccept(node, link.name, filteredFamilies(allocation), log);
  }
}

/** The order of the interfaces is the reference's: bridge, host veth, container, the VLAN's gateway. */
function resultOf(
  { request }: Add,
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
