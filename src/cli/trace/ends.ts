/** The two ends of a trace, by the names that people give them. */

import { formatIp, type Ip, parseIp, sameIp } from '../../address/ip.ts';
import { errorCode } from '../../fault.ts';
import { type FileStatus, statPath } from '../../sys/directory.ts';
import { misuse } from '../context.ts';
import { type Inventory, type Listed, podText } from '../inventory/inventory.ts';
import { addressesOf, findThing, netnsPathIn } from '../inventory/thing.ts';

/** Where a trace begins. */
export interface Origin {
  /** For people: `container 0123456789ab`, `pod shop/web-0`, `the node`. */
  readonly name: string;
  /** Undefined for the node itself. */
  readonly netnsPath: string | undefined;
  /** Undefined for a network namespace that is no attachment of ours. */
  readonly listed: Listed | undefined;
}

/** Where it leads. */
export interface Target {
  readonly name: string;
  readonly ip: Ip;
  /** Undefined where the trace is to no port. */
  readonly port: number | undefined;
  /** The attachment that has the address. */
  readonly listed: Listed | undefined;
}

/** @throws Fault for the exit status 2 where there is nothing of that name */
export function originOf({ attachments }: Inventory, from: string): Origin {
  if (from === 'node') return { name: 'the node', netnsPath: undefined, listed: undefined };
  const [first, ...others] = attachmentsNamed(attachments, from).filter(({ netns }) => netns !== undefined);
  if (first?.netns !== undefined) {
    if (others.some(({ containerId }) => containerId !== first.containerId)) throw ambiguous(from, [first, ...others]);
    if (first.life.state === 'dead') throw misuse(`cannot trace from ${from}: it is dead: ${first.life.evidence}`);
    return { name: attachmentName(first), netnsPath: first.netns.path, listed: first };
  }
  const path = netnsPathIn(from);
  if (path !== undefined && statusOf(path) !== undefined) return { name: path, netnsPath: path, listed: undefined };
  throw misuse(
    `cannot trace from ${from}: no attachment has that name`,
    'See "trestle list" for what there is, or give "node".',
  );
}

/** Reads `TO[:PORT]`. @throws Fault for the exit status 2 */
export function targetOf({ attachments }: Inventory, to: string, origin: Origin): Target {
  const { host, port } = splitPort(to);
  const ip = parseIp(host);
  if (ip !== undefined) {
    const listed = attachments.find(
      (one) => one.life.state !== 'dead' && addressesOf(one).some((own) => sameIp(own, ip)),
    );
    return {
      name: listed === undefined ? formatIp(ip) : `${formatIp(ip)} (${attachmentName(listed)})`,
      ip,
      port,
      listed,
    };
  }
  const found = attachmentsNamed(attachments, host);
  const [first, ...others] = found;
  if (first === undefined)
    throw misuse(`cannot trace to ${host}: it is no address, and no attachment has that name`, 'See "trestle list".');
  if (others.some(({ containerId }) => containerId !== first.containerId)) throw ambiguous(host, found);
  const families = origin.listed === undefined ? [4, 6] : addressesOf(origin.listed).map(({ family }) => family);
  const ips = addressesOf(first);
  const chosen = ips.find(({ family }) => families.includes(family)) ?? ips[0];
  if (chosen === undefined) throw misuse(`cannot trace to ${host}: it has no address`);
  return { name: `${formatIp(chosen)} (${attachmentName(first)})`, ip: chosen, port, listed: first };
}

/** `pod shop/web-0`, or `container 0123456789ab`. */
function attachmentName({ pod, containerId }: Listed): string {
  const name = podText(pod);
  return name === '' ? `container ${containerId.slice(0, 12)}` : `pod ${name}`;
}

/** The attachments of that name, as `show` finds them; those that are not dead, where there are such. */
function attachmentsNamed(attachments: readonly Listed[], name: string): Listed[] {
  const found = findThing(name, { attachments }, statusOf).candidates.flatMap((one) => one.attachments);
  const living = found.filter(({ life }) => life.state !== 'dead');
  return living.length > 0 ? living : found;
}

function ambiguous(name: string, found: readonly Listed[]) {
  return misuse(
    `${name} could be any of ${found.length}: ${found.map(attachmentName).join(', ')}`,
    'Give more of the name.',
  );
}

/** `10.1.0.2:80`, `[fd00::2]:80`, `web-0:80`; an address of IPv6 without brackets has no port. */
function splitPort(to: string): { readonly host: string; readonly port: number | undefined } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(to) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return { host: to, port: undefined };
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) throw misuse(`${port} is no port: ports are 1 to 65535`);
  return { host, port };
}

/** Undefined also where the file may not be looked at. */
function statusOf(path: string): FileStatus | undefined {
  try {
    return statPath(path);
  } catch (error) {
    if (errorCode(error) !== undefined) return undefined;
    throw error;
  }
}
