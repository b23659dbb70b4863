/** GC: removes what this network has for attachments that the runtime no longer knows, or that are provably dead. */

import { delegateCommand } from '../../cni/delegate.ts';
import { Fault, reasonOf } from '../../fault.ts';
import { type Attachment, type Host, planGarbage, releaseGarbage } from '../../ipam/index.ts';
import type { Journal } from '../../log.ts';
import { withdrawForwardAccept } from '../../resources/forward-accept/forward-accept.ts';
import { findLinks } from '../../resources/links.ts';
import { removeStrayMasquerade, straysBeside } from '../../resources/masquerade/strays.ts';
import { aliasOwner, isOwnedBy, ownerText } from '../../resources/names.ts';
import { type NodeKernel, openNodeKernel } from '../../resources/node.ts';
import { removeHostVeth } from '../../resources/port/veth.ts';
import { removeOrphanGuards } from './guard.ts';
import { mainHost } from './host.ts';
import { forwardMode } from './packet-filter.ts';
import type { MainRequest } from './request.ts';
import { bridgeName } from './settings.ts';

/** Goes on past errors. @throws Fault that reports them together */
export function gc(request: MainRequest, { log, step }: Journal): void {
  const node = openNodeKernel(request.searchPath);
  try {
    const host = mainHost(node, log);
    const { network, dataDir, validAttachments } = request;
    const doomed = step('find the garbage', () => planGarbage(dataDir, network, validAttachments, host));
    const failures: unknown[] = [];
    const { released, failures: kept } = step('remove it', () => releaseGarbage(dataDir, network, doomed, host));
    failures.push(...kept);
    if (validAttachments !== undefined) {
      succeeds(failures, () => step('remove what has no record', () => removeOrphans(node, request, validAttachments)));
    }
    const withdraw = () => withdrawForwardAccept(node, bridgeName(request.config), forwardMode(request.config), log);
    succeeds(failures, () => step('take back what forwarding needed', withdraw));
    const { delegation } = request;
    if (delegation !== undefined) {
      succeeds(failures, () => step(`have ${delegation.type} do GC`, () => delegateCommand(delegation, 'GC')));
    }
    report(released.length, doomed.length, failures, host);
  } finally {
    node.close();
  }
}

/** What has lost its record: veths are known by their alias, set elements by their comment. */
function removeOrphans(node: NodeKernel, request: MainRequest, valid: readonly Omit<Attachment, 'network'>[]): void {
  const { network } = request;
  const owners = new Set(valid.map((attachment) => ownerText({ ...attachment, network })));
  for (const { name, alias } of findLinks(node.route)) {
    const owner = aliasOwner(alias);
    if (owner !== undefined && isOwnedBy(network, owner) && !owners.has(owner)) removeHostVeth(node.route, name);
  }
  if (request.config.ipMasq) removeStrayMasquerade(node, straysBeside(network, valid));
  removeOrphanGuards(node, request, owners);
}

function succeeds(failures: unknown[], action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    failures.push(error);
    return false;
  }
}

function report(released: number, doomed: number, failures: readonly unknown[], host: Host): void {
  host.log('info', `GC removed ${released} attachments`);
  if (failures.length === 0) return;
  const [first] = failures;
  const kind = first instanceof Fault ? first.kind : 'kernel';
  const reasons = failures.slice(0, 5).map(reasonOf).join('; ');
  throw new Fault(kind, `cannot remove all garbage, ${failures.length} of ${doomed} failed: ${reasons}`, {
    cause: first,
    details: 'The rest was removed. GC may be run again at any time.',
  });
}
