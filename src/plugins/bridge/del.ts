/**
 * DEL: needs neither the netns, nor prevResult, nor the bridge. It goes on past an error and reports at the end; the
 * addresses are released last, when nothing can answer for them any more. (But dhcp gives them back over the interface.)
 */

import { type Delegation, delegateCommand } from '../../cni/delegate.ts';
import { reasonOf } from '../../fault.ts';
import { type AttachmentRecord, findRecord, type Host, releaseAddresses } from '../../ipam/index.ts';
import type { Journal, Step } from '../../log.ts';
import { withdrawForwardAccept } from '../../resources/forward-accept/forward-accept.ts';
import { removeStrayMasquerade, straysOf } from '../../resources/masquerade/strays.ts';
import { hostVethName } from '../../resources/names.ts';
import { type NodeKernel, openNodeKernel } from '../../resources/node.ts';
import { removeForeignInterface } from '../../resources/port/foreign.ts';
import { removeHostVeth } from '../../resources/port/veth.ts';
import { removeContainerGuard } from './guard.ts';
import { mainHost } from './host.ts';
import { forwardMode } from './packet-filter.ts';
import type { MainRequest } from './request.ts';
import { bridgeName } from './settings.ts';
import { removeRecordedMasquerade } from './traces.ts';

/** IPAM plugins that tell their server through the container's interface. */
const THROUGH_INTERFACE = ['dhcp'];

/** Detaches the container; what is gone already is no error. @throws the first error, after all the rest is done */
export function del(request: MainRequest, { log, step }: Journal): void {
  const bridge = bridgeName(request.config);
  const node = openNodeKernel(request.searchPath);
  try {
    const host = mainHost(node, log);
    const record = step('find the record', () => findRecord(request.dataDir, request, host));
    const { delegation } = request;
    const releasesFirst = THROUGH_INTERFACE.includes(delegation?.type ?? '');
    const releaseElsewhere = () => (delegation === undefined ? [] : attempt(() => haveReleased(delegation, step)));
    // The set element goes first: the kernel takes some 15 ms to dispose of it, and the same again to dispose of a veth.
    // Both are waited for, the one when its socket is closed; begun in this order, the waits overlap.
    const failures = [
      ...(releasesFirst ? releaseElsewhere() : []),
      ...attempt(() => step('remove the masquerading', () => removeMasquerading(request, record, node))),
      ...attempt(() => step('remove the interface', () => removeInterface(request, record, node, bridge))),
    ];
    if (failures.length === 0) failures.push(...attempt(() => removeContainerGuard(node, request, record)));
    // With the interface still there, the address is still in use: it stays leased, and the runtime will call again.
    if (failures.length === 0 && !releasesFirst) failures.push(...releaseElsewhere());
    if (failures.length === 0)
      failures.push(...attempt(() => step('release the addresses', () => release(request, host))));
    const withdraw = () => withdrawForwardAccept(node, bridge, forwardMode(request.config), log);
    failures.push(...attempt(() => step('take back what forwarding needed', withdraw)));
    for (const failure of failures.slice(1)) log('error', `DEL: ${reasonOf(failure)}`);
    if (failures.length > 0) throw failures[0];
  } finally {
    node.close();
  }
}

function haveReleased(delegation: Delegation, step: Step): void {
  step(`have ${delegation.type} do DEL`, () => delegateCommand(delegation, 'DEL'));
}

function release(request: MainRequest, host: Host): void {
  releaseAddresses(request.dataDir, request, host);
}

function removeInterface(
  request: MainRequest,
  record: AttachmentRecord | undefined,
  node: NodeKernel,
  bridge: string,
): void {
  const removed = removeHostVeth(node.route, record?.hostVeth ?? hostVethName(request));
  if (!removed && request.netns !== '') removeForeignInterface(node, request, bridge);
}

/** Where the record tells the addresses, they are looked up; where there is none, whatever names the attachment goes. */
function removeMasquerading(request: MainRequest, record: AttachmentRecord | undefined, node: NodeKernel): void {
  if (record !== undefined) removeRecordedMasquerade(node, record);
  else if (request.config.ipMasq) removeStrayMasquerade(node, straysOf(request));
}

function attempt(action: () => void): unknown[] {
  try {
    action();
    return [];
  } catch (error) {
    return [error];
  }
}
