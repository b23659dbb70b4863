/** Addresses that two have: two attachments, an attachment and the node, or an attachment and a host that answers for it. */

import { formatIp, type Ip } from '../../../address/ip.ts';
import { formatMac } from '../../../address/mac.ts';
import { sameBytes } from '../../../netlink/bytes.ts';
import { execute } from '../../../netlink/connection.ts';
import {
  decodeNeighbour,
  linkOfNeighbour,
  listNeighbours,
  type Neighbour,
} from '../../../netlink/route/neighbour-table.ts';
import { commandOf } from '../command-lines.ts';
import type { Finding } from '../examination.ts';
import { restartCommand } from './commands.ts';
import { type Attached, isInside, subjectOf, type View } from './view.ts';

interface Held {
  readonly ip: Ip;
  readonly one: Attached;
}

/** A finding for each address that is in use twice, as far as the node can see. */
export function examineDuplicates(view: View): Finding[] {
  const held = new Map<string, Held>();
  const findings: Finding[] = [];
  for (const one of view.attached) {
    for (const { address } of one.wanted.addressing?.addresses ?? []) {
      const key = `${one.wanted.port?.bridge} ${address.slice(0, address.lastIndexOf('/'))}`;
      const other = held.get(key);
      const ip = other === undefined ? view.cidr(address)?.ip : other.ip;
      if (other !== undefined) findings.push(...view.about(one, [heldTwice(view, one, other)]));
      else if (ip !== undefined) held.set(key, { ip, one });
    }
  }
  return [...findings, ...ownedByNode(view, held), ...otherAnswers(view, held)];
}

function heldTwice(view: View, one: Attached, other: Held): Finding {
  view.troubled.add(other.one);
  const text = formatIp(other.ip);
  return {
    ...about(one, `two attachments on ${one.wanted.port?.bridge} have the address ${text}`),
    evidence: `the records of ${subjectOf(one)} and of ${subjectOf(other.one)} both have it`,
    fix: restartCommand(view.examination, one),
  };
}

function ownedByNode(view: View, held: ReadonlyMap<string, Held>): Finding[] {
  const own = new Map(view.nodeAddresses().map((one) => [keyOf(one.address.ip), one]));
  return [...held.values()].flatMap(({ ip, one }) => {
    const found = own.get(keyOf(ip));
    if (found === undefined) return [];
    const link = view.linkAt(found.index)?.name ?? `link ${found.index}`;
    const text = formatIp(ip);
    const finding: Finding = {
      ...about(one, `the node itself has its address ${text}, so the node does not reach the container`),
      evidence: `${link} of the node has ${text}/${found.address.prefix}`,
      fix: commandOf('ip', 'address', 'delete', `${text}/${found.address.prefix}`, 'dev', link),
    };
    return view.about(one, [finding]);
  });
}

/**
 * What the node's neighbour table says of the containers' addresses on their bridges. Only what is reachable counts, or set by
 * hand: an entry that is not in use may be of an earlier container.
 */
function otherAnswers(view: View, held: ReadonlyMap<string, Held>): Finding[] {
  const { route } = view.examination.node;
  const bridges = new Map(view.attached.map((one) => [view.linkNamed(view.gatewayLinkName(one))?.index, one]));
  const replies = execute(route, listNeighbours())[0] ?? [];
  return replies.flatMap(({ payload }) => {
    if (!bridges.has(linkOfNeighbour(payload))) return [];
    const entry = decodeNeighbour(payload);
    if (entry?.mac === undefined || (entry.state !== 'reachable' && entry.state !== 'permanent')) return [];
    const bridge = view.linkAt(entry.index)?.name ?? '';
    const { one } = held.get(`${bridges.get(entry.index)?.wanted.port?.bridge} ${formatIp(entry.ip)}`) ?? {};
    const inside = one && view.inside(one);
    const own = one && isInside(inside) ? inside.interfaceNamed(one.ifName)?.mac : undefined;
    if (one === undefined || own === undefined || sameBytes(own, entry.mac)) return [];
    return view.about(one, [wrongAnswer(view, one, bridge, own, entry, entry.mac)]);
  });
}

function wrongAnswer(
  view: View,
  one: Attached,
  bridge: string,
  own: Uint8Array,
  { ip, state }: Neighbour,
  mac: Uint8Array,
): Finding {
  const text = formatIp(ip);
  const evidence = `the neighbour table of the node has ${formatMac(mac)} for ${text} on ${bridge} (${state.toUpperCase()}), and ${one.ifName} has ${formatMac(own)}`;
  if (state === 'permanent') {
    return {
      ...about(one, `the node sends what is for ${text} to another MAC, as it was told by hand`),
      code: 'neighbour-wrong',
      evidence,
      fix: commandOf('ip', 'neighbour', 'delete', text, 'dev', bridge),
    };
  }
  return {
    ...about(one, `another host on ${bridge} answers for its address ${text}`),
    evidence,
    fix: restartCommand(view.examination, one),
  };
}

function keyOf({ family, value }: Ip): string {
  return `${family} ${value}`;
}

function about(one: Attached, what: string): Omit<Finding, 'evidence' | 'fix'> {
  return { level: 'error', code: 'address-duplicate', subject: subjectOf(one), what, isSafe: false };
}
