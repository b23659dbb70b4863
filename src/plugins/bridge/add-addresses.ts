/** The steps of an ADD that take addresses, here or by another plugin, and write the attachment's record. */

import { formatCidr } from '../../address/cidr.ts';
import { delegateCommand } from '../../cni/delegate.ts';
import { amendRecord, type Host, type Owner, releaseAddresses } from '../../ipam/index.ts';
import { refuseAdvertisements } from '../../resources/addressing/addressing.ts';
import { hostVethName } from '../../resources/names.ts';
import { processId } from '../../sys/process.ts';
import type { AddCall } from './add-call.ts';
import { type Allocation, allocate, allocateElsewhere, withGateways } from './allocation.ts';
import { guardNote } from './guard.ts';
import { addHost, mainHost } from './host.ts';
import type { MainRequest } from './request.ts';
import type { Settings } from './settings.ts';
import { backendNote, encodeNotes, forwardNote } from './traces.ts';

/** None where another plugin gives them: only the record is written then. */
export function takeAddresses({ request, plan, node, container, undo, log, settings }: AddCall): Allocation {
  const { network, containerId, ifName, pod, netns: path } = request;
  const { device, inode } = container.netns;
  const hostVeth = hostVethName(request);
  const netns = { path, device, inode };
  const masquerade = settings.ipMasq;
  const notes = encodeNotes({ process: processId(), masquerade, ...filterNotes(request, settings) });
  const owner: Owner = { network, containerId, ifName, pod, netns, hostVeth, notes };
  const host = addHost(node, owner, log);
  const allocation = allocate(request, plan, owner, host);
  undo.push('release the addresses', () => releaseAddresses(request.dataDir, request, host));
  return allocation;
}

/** Has another plugin give the addresses, if one is to. It may need the interface for that, as dhcp does, which sets it up. */
export function takeElsewhere({
  request,
  settings,
  node,
  container,
  undo,
  log,
  step,
}: AddCall): Allocation | undefined {
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
  const notes = encodeNotes({ process: processId(), masquerade, ...filters });
  amendRecord(request.dataDir, request, { notes }, host);
}

type FilterNotes = ReturnType<typeof filterNotes>;

function filterNotes(request: MainRequest, settings: Settings) {
  return { ...guardNote(request, settings), ...forwardNote(settings), ...backendNote(settings.backend) };
}
