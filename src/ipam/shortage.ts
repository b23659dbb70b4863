/** What is said when there is no address: how many are held, by whom, and what to do. */

import { formatIp, type Ip } from '../address/ip.ts';
import { Fault, reasonOf } from '../fault.ts';
import { attachmentText } from './attachment.ts';
import { doubtsOf } from './doubts.ts';
import type { Host } from './host.ts';
import { decodeLease, holderText } from './lease.ts';
import { leasedIps, readLease } from './leases.ts';
import type { Store } from './paths.ts';
import { countIn, rangeOf, sizeOfSet } from './pick.ts';
import type { RangeSet } from './plan.ts';
import { rangeText } from './range.ts';
import { readRecord } from './records.ts';

const SHOWN = 5;

/** A range set has no free address. Reads a few leases to say who holds them; `kept` says which dead ones do, and why. */
export function exhausted(store: Store, set: RangeSet, kept: readonly Fault[], host: Host): Fault {
  const held = leasedIps(store)
    .filter((ip) => rangeOf(set, ip) !== undefined)
    .sort((a, b) => (a.value < b.value ? -1 : 1));
  const holders = held.slice(0, SHOWN).map((ip) => `${formatIp(ip)} ${holderOf(store, ip, host)}`);
  const more = held.length > SHOWN ? `, and ${held.length - SHOWN} more` : '';
  const ranges = set.ranges.map(rangeText).join(', ');
  const message = `cannot lease an address on ${store.network}: range set ${set.index} (${ranges}) is exhausted, ${countIn(set, held)} of ${sizeOfSet(set)} addresses are leased`;
  const known = `None of the ${kept.length === 0 ? '' : 'other '}holders is provably dead: ${holders.join('; ')}${more}. Release what is gone with DEL or GC, or widen the range.`;
  const details = sentences(keptText(kept), doubtsOf(store, held, host), known);
  return new Fault('exhausted', message, { details });
}

/** A requested address is somebody else's. `kept` as above. */
export function requestedTaken(store: Store, ip: Ip, set: RangeSet, kept: readonly Fault[], host: Host): Fault {
  const holder = holderOf(store, ip, host);
  const message = `cannot lease the requested address ${formatIp(ip)} on ${store.network}: ${holder} holds it`;
  const advice = `Request another address of range set ${set.index}, or DEL the holder first; if it is gone, GC releases it.`;
  const details = sentences(keptText(kept), advice, doubtsOf(store, [ip], host));
  return new Fault('address', message, { details });
}

/** Dead attachments that could not be removed from the node, and so keep their addresses. */
function keptText(kept: readonly Fault[]): string {
  const [first] = kept;
  if (first === undefined) return '';
  return sentences(`${kept.length} dead attachments are kept: ${first.message}.`, first.details ?? '');
}

function sentences(...texts: readonly string[]): string {
  return texts.filter((text) => text !== '').join(' ');
}

/** Who holds an address, with the pod's name where a record knows it. Never throws: it is part of an error. */
export function holderOf(store: Store, ip: Ip, host: Host): string {
  try {
    const text = readLease(store, ip) ?? '';
    const holder = decodeLease(text);
    if (holder?.ifName === undefined) return holderText(text);
    const attachment = { network: store.network, containerId: holder.containerId, ifName: holder.ifName };
    return attachmentText(readRecord(store, attachment, host) ?? attachment);
  } catch (error) {
    return reasonOf(error);
  }
}
