/** ADD: addresses and record first, then the resources of the plan in their order. After an error, all of it is taken back. */

import { tolerating } from '../../attempt.ts';
import { type Delegation, delegateCommand } from '../../cni/delegate.ts';
import type { Result } from '../../cni/result.ts';
import { Fault, reasonOf } from '../../fault.ts';
import {
  amendRecord,
  type Company,
  type Host,
  type IpamPlan,
  isNewNetwork,
  joinCompany,
  markRemoval,
  type Owner,
  releaseAddresses,
} from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { refuseAdvertisements } from '../../resources/addressing/addressing.ts';
import { neighboursOf, ownersOf } from '../../resources/attachment.ts';
import { findBridge } from '../../resources/bridge/bridge-link.ts';
import { inheritedMtu } from '../../resources/bridge/mtu.ts';
import { withBridgeLock } from '../../resources/bridge-lock.ts';
import { containerOf, type Node, withContainer, withNode } from '../../resources/node.ts';
import { encodePlan, ensurePlan, type Plan, type Resource, removePlan } from '../../resources/plan.ts';
import { verifyVlanFilterable } from '../../resources/vlan/vlan.ts';
import { sameNetns } from '../../sys/netns.ts';
import { processId } from '../../sys/process.ts';
import { type Allocation, allocate, allocateElsewhere, planOf } from '../allocation.ts';
import { addResult } from './add-result.ts';
import { addHost } from './host.ts';
import { mendAfterOthers } from './mending.ts';
import { attachmentPlan, newPort, type PortFacts, withGateways } from './plan.ts';
import type { MainRequest } from './request.ts';
import { readSettings, type Settings } from './settings.ts';
import { findSharedSubnet } from './shared-subnet.ts';

/** What the steps of one ADD share. */
interface Call {
  readonly request: MainRequest;
  readonly settings: Settings;
  readonly node: Node;
  readonly host: Host;
  readonly owner: Owner;
  readonly port: PortFacts;
  readonly journal: Journal;
  /** The resources that were made, in order. */
  readonly made: Resource[];
  /** Another plugin was asked for addresses, and may have given some. */
  askedElsewhere: boolean;
}

/** The addresses, and the plan that they complete. */
interface Taken {
  readonly allocation: Allocation;
  readonly plan: Plan;
}

/**
 * Kinds that need no address. They are made first, since the plugin that gives the addresses may need the interface, as dhcp
 * does.
 */
const WITHOUT_ADDRESSES = ['bridge', 'guard', 'port'];
/** Kinds that attachments share on the bridge. */
const SHARED = ['vlan-gateway', 'gateway', 'forward-accept'];

/** Attaches the container. On failure nothing is left. @throws Fault, KernelError, SystemError: the first error */
export function add(request: MainRequest, journal: Journal): Result {
  const settings = readSettings(request.config);
  const ipam = planOf(request);
  return withNode(request.searchPath, journal.log, (outside) =>
    withContainer(outside, request.netns, (container) => {
      const node = {
        ...outside,
        container,
        neighbours: () => neighboursOf(outside, request, request.dataDir, host),
        owners: () => ownersOf(request, request.dataDir),
      };
      journal.step('look at the place', () => inspectPlace(request, settings, node));
      const bridge = node.links.get(settings.bridge);
      const port = newPort(request, settings, () => inheritedMtu(node.route, bridge), bridge);
      const owner = ownerOf(request, node, port.name);
      const host = addHost(node, owner, request.dataDir);
      const call = { request, settings, node, host, owner, port, journal, made: [], askedElsewhere: false };
      // A bridge that this call makes has no other network.
      const isFirst = bridge !== undefined && isNewNetwork(request.dataDir, request.network);
      const result = attach(call, ipam);
      if (isFirst && ipam !== undefined) warnOfSharedSubnet(call, ipam);
      return result;
    }),
  );
}

/** Only for the first ADD of a network, since looking at the other networks takes time. STATUS looks each time. */
function warnOfSharedSubnet({ node, settings, host }: Call, ipam: IpamPlan): void {
  tolerating(node.log, () => {
    const shared = findSharedSubnet(node, settings.bridge, ipam, host);
    if (shared !== undefined) node.log('warn', `${shared.message}. ${shared.details}`);
  });
}

function attach(call: Call, ipam: IpamPlan | undefined): Result {
  // Before the first file of the store, so that a lack of file descriptors shows before anything is made.
  const company = joinCompany(call.request.dataDir);
  try {
    return attachAmong(company, call, ipam);
  } finally {
    company.leave();
  }
}

function attachAmong(company: Company, call: Call, ipam: IpamPlan | undefined): Result {
  const { request, settings, journal, made } = call;
  const taken = journal.step('take addresses', () => takeAddresses(call, ipam));
  try {
    const { delegation } = request;
    if (delegation === undefined) makeAll(call, taken.plan);
    const allocation = delegation === undefined ? taken.allocation : makeAround(call, taken.plan, delegation);
    mendAfterOthers(call.node, made, request, company, journal.step);
    return addResult(call.node, request, settings, made, allocation);
  } catch (error) {
    company.leave();
    journal.step('take everything back', () => takeBack(call));
    throw error;
  }
}

/** Takes addresses, and writes a record with the whole plan before anything of the plan is made. */
function takeAddresses({ request, settings, host, owner, port }: Call, ipam: IpamPlan | undefined): Taken {
  let taken: Taken | undefined;
  allocate(request, ipam, owner, host, (leased) => {
    const allocation = withGateways(leased, settings);
    taken = { allocation, plan: attachmentPlan(request, settings, allocation, port) };
    return encodePlan(taken.plan);
  });
  return taken as Taken;
}

/** Makes everything. What attachments share on the bridge, and the port, are made under the lock. */
function makeAll(call: Call, plan: Plan): void {
  const at = plan.findIndex(({ kind }) => kind.name === 'port');
  withBridgeLock(call.node, () => ensure(call, plan.slice(0, at + 1)));
  ensure(call, plan.slice(at + 1));
}

/** Makes what needs no address, has another plugin give the addresses, and makes the rest. */
function makeAround(call: Call, first: Plan, delegation: Delegation): Allocation {
  const { request, settings, node, host, port, journal } = call;
  const isEarly = ({ kind }: Resource) => WITHOUT_ADDRESSES.includes(kind.name);
  withBridgeLock(node, () => ensure(call, first.filter(isEarly)));
  refuseAdvertisements(containerOf(node), request.ifName);
  call.askedElsewhere = true;
  const given = journal.step(`have ${delegation.type} do ADD`, () => allocateElsewhere(request, delegation));
  const allocation = withGateways(given, settings);
  const plan = attachmentPlan(request, settings, allocation, port);
  amendRecord(request.dataDir, request, { plan: encodePlan(plan) }, host);
  const late = plan.filter((one) => !isEarly(one));
  const isShared = ({ kind }: Resource) => SHARED.includes(kind.name);
  withBridgeLock(node, () => ensure(call, late.filter(isShared)));
  ensure(
    call,
    late.filter((one) => !isShared(one)),
  );
  return allocation;
}

function ensure({ node, made, journal }: Call, plan: Plan): void {
  ensurePlan(node, plan, made, journal.step);
}

/** Takes everything back. The addresses are released only if nothing is left on the node that uses them. */
function takeBack({ request, node, made, host, askedElsewhere, journal: { log, step } }: Call): void {
  const { delegation } = request;
  if (delegation !== undefined && askedElsewhere) releaseElsewhere(delegation, log);
  markRemoval(request.dataDir, request);
  const failures = removePlan(node, made, step);
  for (const failure of failures) log('error', `cannot take everything back: ${reasonOf(failure)}`);
  if (failures.length + node.leftovers.length > 0) return;
  try {
    releaseAddresses(request.dataDir, request, host);
  } catch (error) {
    log('error', `cannot release the addresses after a failure: ${reasonOf(error)}`);
  }
}

/** Comes before the interface is removed: the plugin may need the interface. */
function releaseElsewhere(delegation: Delegation, log: Journal['log']): void {
  try {
    delegateCommand(delegation, 'DEL');
  } catch (error) {
    log('error', `cannot have ${delegation.type} release the addresses after a failure: ${reasonOf(error)}`);
  }
}

function ownerOf(request: MainRequest, node: Node, hostVeth: string): Owner {
  const { network, containerId, ifName, pod, netns: path } = request;
  const { device, inode } = containerOf(node).netns;
  const netns = { path, device, inode };
  return { network, containerId, ifName, pod, netns, hostVeth, process: processId() };
}

/** Verifies, before anything is changed, what can be seen to stand in the way. @throws Fault, KernelError */
function inspectPlace({ netns: path, allowOwnNetns }: MainRequest, { bridge, vlans }: Settings, node: Node): void {
  if (!allowOwnNetns && sameNetns(node.netns, containerOf(node).netns)) throw ownNetns(path);
  if (vlans !== undefined) verifyVlanFilterable(node.route);
  const found = findBridge(node.route, bridge);
  if (found !== undefined) node.links.set(bridge, found);
}

function ownNetns(path: string): Fault {
  return new Fault(
    'environment',
    `cannot attach ${path} (CNI_NETNS): it is the network namespace that the plugin itself runs in`,
    {
      details:
        'CNI_NETNS must be the netns of the container. Containers on the host network need no CNI call. CNI_NETNS_OVERRIDE=1 allows it.',
    },
  );
}
