/** CHECK: compares all that ADD made with prevResult, the kernel and the store, and names the first thing that is off. */

import { parseMac } from '../../address/mac.ts';
import { delegateCommand } from '../../cni/delegate.ts';
import { decodeResult, type Result, type ResultInterface, type ResultIp } from '../../cni/result.ts';
import { Fault } from '../../fault.ts';
import { verifyLeases } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { hostVethName } from '../../resources/names.ts';
import { type Node, withContainer, withNode } from '../../resources/node.ts';
import { type Plan, verifyPlan } from '../../resources/plan.ts';
import { mainHost } from './host.ts';
import { comparedAt } from './mending.ts';
import { attachmentPlan, configuredMtu, withGateways } from './plan.ts';
import type { MainRequest } from './request.ts';
import { readSettings, type Settings } from './settings.ts';

/** @throws Fault `check` that says what was expected and what was found */
export function check(request: MainRequest, journal: Journal): void {
  const settings = readSettings(request.config);
  const previous = previousResult(request);
  withNode(request.searchPath, journal.log, (node) =>
    withContainer(node, request.netns, (container) =>
      verifyAttachment(
        request,
        settings,
        previous,
        { ...node, container, comparedAt: comparedAt(node, request) },
        journal,
      ),
    ),
  );
}

function verifyAttachment(
  request: MainRequest,
  settings: Settings,
  previous: Result,
  node: Node,
  { step }: Journal,
): void {
  const ips = ownIps(request, previous);
  verifyPlan(node, expectedPlan(request, settings, previous, ips), step);
  if (request.ipam !== undefined) {
    const expected = ips.map(({ address }) => address.ip);
    step('verify the leases', () => verifyLeases(request.dataDir, request, expected, mainHost(node, request.dataDir)));
  }
  const { delegation } = request;
  if (delegation !== undefined) step(`have ${delegation.type} do CHECK`, () => delegateCommand(delegation, 'CHECK'));
}

/**
 * The plan according to the previous result: plugins after this one may have changed the MAC, and the reference may have made
 * the port. What the configuration does not ask for, such as an MTU, may be anything.
 */
function expectedPlan(request: MainRequest, settings: Settings, previous: Result, ips: readonly ResultIp[]): Plan {
  const addresses = ips.map(({ address, gateway }) => ({ address, gateway }));
  const allocation = { ...withGateways({ addresses, routes: [], dns: {} }, settings), routes: previous.routes };
  const inside = previous.interfaces.find(({ name, sandbox }) => name === request.ifName && sandbox === request.netns);
  const mac = inside?.mac === undefined ? undefined : parseMac(inside.mac);
  const port = { name: hostVethOf(request, previous, settings), mac, mtu: configuredMtu(settings) };
  return attachmentPlan(request, settings, allocation, port);
}

function previousResult({ prevResult }: MainRequest): Result {
  if (prevResult !== undefined) return decodeResult(prevResult, 'prevResult');
  throw new Fault('config', 'cannot do CHECK: prevResult is missing from the configuration', {
    details: 'The runtime must hand in the result of ADD (CNI specification, CHECK).',
  });
}

/** The addresses of our interface; chained plugins may have added interfaces and addresses of their own. */
function ownIps({ ifName }: MainRequest, { interfaces, ips }: Result): readonly ResultIp[] {
  const isOurs = (ip: ResultIp) =>
    ip.interface === undefined || isInside(interfaces[ip.interface], ifName) || interfaces[ip.interface] === undefined;
  return ips.filter(isOurs);
}

function isInside(found: ResultInterface | undefined, ifName: string): boolean {
  return found?.name === ifName && found.sandbox !== undefined;
}

/**
 * The name of the host veth. Ours follows from the attachment; the reference chose one at random, which only the result says.
 */
function hostVethOf(request: MainRequest, { interfaces }: Result, { bridge }: Settings): string {
  const own = hostVethName(request);
  const outside = interfaces.filter(({ sandbox, name }) => sandbox === undefined && name !== bridge);
  const hasOwn = outside.length === 0 || outside.some(({ name }) => name === own);
  return hasOwn ? own : (outside[0] as ResultInterface).name;
}
