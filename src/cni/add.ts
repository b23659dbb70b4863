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
  const bridge = step('prepare the bridge', () => prepareBridge(call, found, taken, mtu));
  const pair = step('plug in', () => plugIn(call, bridge, mtu));
  const allocation = takeElsewhere(call, bridge, pair.host) ?? taken;
  const { keepDown, ipMasq, isGateway, forward } = call.settings;
  if (!keepDown) step('configure the interface', () => configure(call, pair, allocation));
  if (ipMasq) step('masquerade', () => masqueradeAddresses(call, allocation));
  if (isGateway) step('forward', () => startForwarding(call, familiesOf(allocation)));
  if (forward) step('accept what is forwarded', () => acceptForwarding(call, bridge, allocation));
  return resultOf(call, bridge, pair, allocation);
}

/** What can be seen to stand in the way, before anything is changed. @returns the bridge, if it is there */
function inspectPlace({ request, settings, node, container }: Add): Link | undefined {
  if (sameNetns(node.netns, container.netns)) throw ownNetns(request.netns);
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
function takeElsewhere({ request, settings, node, container, undo, log, step }: Add, bridge: Link, port: Link) {
  const { delegation } = request;
  if (delegation === undefined) return undefined;
  refuseAdvertisements(container, request.ifName);
  undo.push(`have ${delegation.type} release the addresses`, () => delegateCommand(delegation, 'DEL'));
  const given = step(`have ${delegation.type} do ADD`, () => allocateElsewhere(request, delegation));
  if (settings.ipMasq) noteMasquerade(request, given, mainHost(node, log), filterNotes(request, settings));
  const allocation = withGateways(given, settings);
  if (settings.isGateway) ensureGateways(node.route, bridge, gatewaysOf(allocation), settings.forceAddress, port);
  return allocation;
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

function prepareBridge(
  { node, settings }: Add,
  found: Link | undefined,
  allocation: Allocation,
  mtu: number | undefined,
): Link {
  const bridge = ensureBridge(node.route, found, { name: settings.bridge, mtu, promiscuous: settings.promiscuous });
  if (settings.isGateway) closeToAdvertisements(node.route, bridge);
  if (settings.isGateway) ensureGateways(node.route, bridge, gatewaysOf(allocation), settings.forceAddress);
  return bridge;
}

function plugIn(call: Add, bridge: Link, mtu: number | undefined): VethPair {
  const { request, settings, node, container, undo, log } = call;
  const mac = macOf(request);
  if (settings.guarded) guardContainer(call, bridge, mac);
  const port = { hairpin: settings.hairpin, isolated: settings.isolated };
  const veth = { attachment: request, containerMac: mac, mtu, port };
  // Before the veth, since it does something only when that is gone.
  undo.push('take back what forwarding needed', () => withdrawForwardAccept(node, bridge.name, log));
  return createVethPair(node, container, bridge, veth, undo);
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

function acceptForwarding({ node, log }: Add, bridge: Link, allocation: Allocation): void {
  ensureForwardAccept(node, bridge.name, filteredFamilies(allocation), log);
}

/** The order of the interfaces is the reference's: bridge, host veth, container. */
function resultOf({ request }: Add, bridge: Link, { host, container }: VethPair, allocation: Allocation): Result {
  return {
    interfaces: [
      { name: bridge.name, mac: formatMac(bridge.mac) },
      { name: host.name, mac: formatMac(host.mac) },
      { name: container.name, mac: formatMac(container.mac), mtu: container.mtu, sandbox: request.netns },
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
