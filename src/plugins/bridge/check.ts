/** CHECK: all that ADD made, against prevResult, the kernel and the store. The first thing that is off is named. */

import { delegateCommand } from '../../cni/delegate.ts';
import { decodeResult, type Result, type ResultInterface, type ResultIp } from '../../cni/result.ts';
import { Fault } from '../../fault.ts';
import { verifyLeases } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { verifyForwardAccept } from '../../resources/forward-accept/forward-accept.ts';
import { verifyForwarding } from '../../resources/forwarding/forwarding.ts';
import { verifyAdvertisementsRefused } from '../../resources/forwarding/router-advertisements.ts';
import { verifyMasqueraded } from '../../resources/masquerade/backend.ts';
import { hostVethName } from '../../resources/names.ts';
import { type ContainerKernel, type NodeKernel, openContainerKernel, openNodeKernel } from '../../resources/node.ts';
import * as verify from '../../resources/verify.ts';
import { verifyHopUntracked } from '../../resources/vlan/gateway-hop.ts';
import { verifyPortVlans, verifyVlanFiltering, verifyVlanGateway } from '../../resources/vlan/verify-vlan.ts';
import { type VlanGateway, vlanGatewayName } from '../../resources/vlan/vlan-gateway.ts';
import { type Allocation, familiesOf, filteredFamilies, gatewaysOf, withGateways } from './allocation.ts';
import { verifyContainerGuard } from './guard.ts';
import { mainHost } from './host.ts';
import type { MainRequest } from './request.ts';
import { readSettings, type Settings } from './settings.ts';
import { masqueradeEntry } from './traces.ts';
import { gatewayVlan } from './vlan-settings.ts';

/** @throws Fault `check` that says what was expected and what was found */
export function check(request: MainRequest, journal: Journal): void {
  const settings = readSettings(request.config);
  const previous = previousResult(request);
  const node = openNodeKernel(request.searchPath);
  try {
    const container = openContainerKernel(node, request.netns);
    try {
      verifyAttachment(request, settings, previous, node, container, journal);
    } finally {
      container.close();
    }
  } finally {
    node.close();
  }
}

function verifyAttachment(
  request: MainRequest,
  settings: Settings,
  previous: Result,
  node: NodeKernel,
  container: ContainerKernel,
  { log, step }: Journal,
): void {
  const ips = ownIps(request, previous);
  const allocation = expectedAllocation(settings, ips);
  step('verify the interfaces', () => verifyLinks(request, settings, previous, allocation, node, container));
  step('verify the routes', () => verify.verifyRoutes(container.route, previous.routes));
  if (request.ipam !== undefined) {
    const expected = ips.map(({ address }) => address.ip);
    step('verify the leases', () => verifyLeases(request.dataDir, request, expected, mainHost(node, log)));
  }
  const { delegation } = request;
  if (delegation !== undefined) step(`have ${delegation.type} do CHECK`, () => delegateCommand(delegation, 'CHECK'));
  if (settings.ipMasq) step('verify the masquerading', () => verifyMasquerading(request, settings, ips, node));
  if (settings.guarded) step('verify the MAC guard', () => verifyContainerGuard(node, request, settings));
  if (settings.isGateway) step('verify the forwarding', () => verifyForwarding(node.route, familiesOf(allocation)));
  const { forward } = settings;
  if (forward) {
    const vlan = vlanGatewayOf(settings, allocation);
    const names = [settings.bridge, ...(vlan === undefined ? [] : [vlanGatewayName(settings.bridge, vlan.vlan)])];
    step('verify that what is forwarded is accepted', () => {
      for (const name of names) verifyForwardAccept(node, name, forward, filteredFamilies(allocation));
    });
  }
}

function vlanGatewayOf({ isGateway, vlans }: Settings, { addresses }: Allocation): VlanGateway | undefined {
  return isGateway && addresses.length > 0 ? gatewayVlan(vlans) : undefined;
}

function verifyMasquerading(
  request: MainRequest,
  { backend }: Settings,
  ips: readonly ResultIp[],
  node: NodeKernel,
): void {
  for (const { address } of ips) verifyMasqueraded(node, backend, masqueradeEntry(request, address));
}

function verifyLinks(
  request: MainRequest,
  settings: Settings,
  previous: Result,
  allocation: Allocation,
  node: NodeKernel,
  container: ContainerKernel,
): void {
  const { ifName } = request;
  const inside = previous.interfaces.find(({ name, sandbox }) => name === ifName && sandbox === request.netns);
  const gateways = settings.isGateway ? gatewaysOf(allocation) : [];
  const vlan = vlanGatewayOf(settings, allocation);
  const bridge = verify.verifyBridge(node.route, {
    name: settings.bridge,
    promiscuous: settings.promiscuous,
    gateways: vlan === undefined ? gateways : [],
  });
  verifyAdvertisementsRefused(bridge);
  const { hairpin, isolated, mtu } = settings;
  const port = { name: hostVethOf(request, previous, settings), hairpin, isolated, mtu };
  const host = verify.verifyHostVeth(node.route, bridge, port);
  if (settings.vlans !== undefined) {
    verifyVlanFiltering(node.route, bridge);
    verifyPortVlans(node.route, host, settings.vlans.port);
  }
  if (vlan !== undefined) verifyHopUntracked(node, verifyVlanGateway(node.route, bridge, vlan, gateways));
  const link = verify.verifyContainerInterface(container.route, host, {
    name: ifName,
    up: !settings.keepDown,
    mac: inside?.mac,
  });
  for (const { address } of allocation.addresses) {
    verify.verifyAddress(container.route, link, address, `${ifName} in the container`);
  }
}

function previousResult({ prevResult }: MainRequest): Result {
  if (prevResult !== undefined) return decodeResult(prevResult, 'prevResult');
  throw new Fault('config', 'cannot do CHECK: prevResult is missing from the configuration', {
    details: 'The runtime must hand in the result of ADD (CNI specification, CHECK).',
  });
}

/** Those of our interface; chained plugins may have added interfaces and addresses of their own. */
function ownIps({ ifName }: MainRequest, { interfaces, ips }: Result): readonly ResultIp[] {
  const isOurs = (ip: ResultIp) =>
    ip.interface === undefined || isInside(interfaces[ip.interface], ifName) || interfaces[ip.interface] === undefined;
  return ips.filter(isOurs);
}

function isInside(found: ResultInterface | undefined, ifName: string): boolean {
  return found?.name === ifName && found.sandbox !== undefined;
}

function expectedAllocation(settings: Settings, ips: readonly ResultIp[]): Allocation {
  const addresses = ips.map(({ address, gateway }) => ({ address, gateway }));
  return withGateways({ addresses, routes: [], dns: {} }, settings);
}

/** Ours is named after the attachment; the reference named its at random, and only the result tells. */
function hostVethOf(request: MainRequest, { interfaces }: Result, { bridge }: Settings): string {
  const own = hostVethName(request);
  const outside = interfaces.filter(({ sandbox, name }) => sandbox === undefined && name !== bridge);
  const hasOwn = outside.length === 0 || outside.some(({ name }) => name === own);
  return hasOwn ? own : (outside[0] as ResultInterface).name;
}
