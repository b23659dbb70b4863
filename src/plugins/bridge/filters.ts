/**
 * What ADD puts into the packet filter: the MAC guard, and masquerading. Where somebody has flushed it, ADD brings back
 * what all live attachments of the network need.
 */

import type { Cidr } from '../../address/cidr.ts';
import { type AttachmentRecord, findRecord, listRecords } from '../../ipam/index.ts';
import type { Link } from '../../netlink/route/link.ts';
import { ensureGuard, isGuardWhole, removeGuard, restoreGuard } from '../../resources/guard/guard.ts';
import { ensureNoLinkLocalLearning } from '../../resources/guard/link-local-learning.ts';
import { findLinks } from '../../resources/links.ts';
import { masquerade, restoreMasquerading, unmasquerade } from '../../resources/masquerade/backend.ts';
import type { Masqueraded } from '../../resources/masquerade/masquerade.ts';
import { hostVethName } from '../../resources/names.ts';
import { hasNftables } from '../../resources/nftables/nftables.ts';
import type { AddCall } from './add-call.ts';
import { guardEntry, recordedGuard, removeRecordedGuard } from './guard.ts';
import { mainHost } from './host.ts';
import { isBeingMade, masqueradeEntry, recordedMasquerade, removeRecordedMasquerade } from './traces.ts';

/** Holds the container to its MAC. Called before its interface is up. @throws KernelError, Fault `io` */
export function guardContainer(call: AddCall, bridge: Link, mac: Uint8Array): void {
  const { node, request, undo } = call;
  ensureNoLinkLocalLearning(node.route, bridge.index);
  const guarded = guardEntry(request, mac);
  // Beforehand, here and below, since the answer may be lost; what is another's stays.
  undo.push('remove the MAC guard', () => removeGuard(node.nft(), guarded));
  ensureGuard(node.nft(), guarded);
  if (isGuardWhole(node.nft(), request.network)) return;
  restoreLive(call, (records) => restoreGuard(node.nft(), request.network, records.flatMap(recordedGuard)));
}

/** @throws KernelError, Fault `io` */
export function masqueradeAddress(call: AddCall, address: Cidr): void {
  const { node, request, undo } = call;
  const { backend } = call.settings;
  const entry = masqueradeEntry(request, address);
  undo.push('remove the masquerading', () => unmasquerade(node, backend, entry));
  if (masquerade(node, backend, entry)) return;
  restoreLive(call, (records) => restoreMasquerading(node, backend, entry, masqueradeOf(call, records)));
}

/** What of them lies where this network's addresses are masqueraded. */
function masqueradeOf({ node, settings }: AddCall, records: readonly AttachmentRecord[]): Masqueraded[] {
  const isAsked = settings.backend === 'iptables';
  const same = records.filter(({ notes }) => (notes?.backend === 'iptables') === isAsked);
  // A rule of iptables would be there twice: the process that makes the attachment puts it in, too.
  const made = isAsked || !hasNftables(node) ? same.filter((record) => !isBeingMade(record)) : same;
  return made.flatMap(recordedMasquerade);
}

/** For the others: a veth dies with its netns, so an attachment whose host veth is there is alive. */
function restoreLive({ node, request, log }: AddCall, restore: (live: readonly AttachmentRecord[]) => void): void {
  const host = mainHost(node, log);
  const links = new Set(findLinks(node.route).map(({ name }) => name));
  const records = listRecords(request.dataDir, request.network, host);
  const own = hostVethName(request);
  const live = records.filter(({ hostVeth = '' }) => hostVeth !== own && links.has(hostVeth));
  restore(live);
  // Another process may have deleted one of them meanwhile, and with it what we have just brought back.
  const gone = live.filter((record) => findRecord(request.dataDir, record, host) === undefined);
  for (const record of gone) {
    removeRecordedMasquerade(node, record);
    removeRecordedGuard(node, record);
  }
}
