/** The MAC guard of an attachment (macspoofchk): whose MAC it is, what the record notes of it, and its end. */

import { formatMac, parseMac } from '../../address/mac.ts';
import type { Attachment, AttachmentRecord } from '../../ipam/index.ts';
import { collectGuards, type Guarded, removeGuard, verifyGuard } from '../../resources/guard/guard.ts';
import { verifyNoLinkLocalLearning } from '../../resources/guard/link-local-learning.ts';
import { removeForeignGuard } from '../../resources/guard/reference.ts';
import { containerMac, hostVethName, ownerText } from '../../resources/names.ts';
import type { NodeKernel } from '../../resources/node.ts';
import type { MainRequest } from './request.ts';
import type { Settings } from './settings.ts';

/** The MAC that the container gets, and with macspoofchk is held to. */
export function macOf(request: MainRequest): Uint8Array {
  return request.mac ?? containerMac(request);
}

export function guardEntry({ network, containerId, ifName }: Attachment, mac: Uint8Array): Guarded {
  const attachment = { network, containerId, ifName };
  return { network, port: hostVethName(attachment), mac, owner: ownerText(attachment) };
}

/** For the record: the MAC that the container is held to, if it is. */
export function guardNote(request: MainRequest, { guarded }: Settings): { readonly guard?: string } {
  return guarded ? { guard: formatMac(macOf(request)) } : {};
}

/** The guard of an attachment that has one. */
export function recordedGuard(record: AttachmentRecord): Guarded[] {
  const mac = parseMac(String(record.notes?.guard));
  return mac === undefined ? [] : [guardEntry(record, mac)];
}

/** @throws KernelError */
export function removeRecordedGuard(node: NodeKernel, record: AttachmentRecord): void {
  for (const guarded of recordedGuard(record)) removeGuard(node.nft(), guarded);
}

/** @throws Fault `check` */
export function verifyContainerGuard(node: NodeKernel, request: MainRequest, { guarded, bridge }: Settings): void {
  if (!guarded) return;
  verifyGuard(node.nft(), guardEntry(request, macOf(request)));
  verifyNoLinkLocalLearning(node.route, bridge);
}

/**
 * For DEL, after the interface is gone: until then its frames are to be looked at. Where the record is lost, the sets are
 * searched for the owner, and what the reference plugin may have made for this container goes, too. @throws KernelError
 */
export function removeContainerGuard(
  node: NodeKernel,
  request: MainRequest,
  record: AttachmentRecord | undefined,
): void {
  if (record !== undefined) removeRecordedGuard(node, record);
  else if (request.config.macspoofchk) {
    const own = ownerText(request);
    collectGuards(node.nft(), request.network, (owner) => owner !== own);
    removeForeignGuard(node.nft(), request);
  }
}

/** For GC: those of attachments without a record. `valid` are the owners that stay. @throws KernelError */
export function removeOrphanGuards(
  node: NodeKernel,
  { network, config }: MainRequest,
  valid: ReadonlySet<string>,
): void {
  if (config.macspoofchk) collectGuards(node.nft(), network, (owner) => valid.has(owner));
}
