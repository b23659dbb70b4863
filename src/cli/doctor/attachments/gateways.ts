/** The addresses of the bridges, which are the containers' gateways. */

import { type Cidr, formatCidr } from '../../../address/cidr.ts';
import { sameIp } from '../../../address/ip.ts';
import type { Finding } from '../examination.ts';
import { usersText } from './bridges.ts';
import { reconcileCommand } from './commands.ts';
import type { Attached, View } from './view.ts';

interface Expected {
  readonly text: string;
  readonly link: string;
  readonly users: Attached[];
}

/** A finding for each address that a bridge lacks; none for a bridge that is itself missing or down. */
export function examineGateways(view: View): Finding[] {
  const expected = new Map<string, Expected>();
  for (const one of view.attached) {
    const link = view.gatewayLinkName(one);
    for (const text of one.wanted.gateway?.addresses ?? []) {
      const key = `${link} ${text}`;
      const entry = expected.get(key) ?? { text, link, users: [] };
      entry.users.push(one);
      expected.set(key, entry);
    }
  }
  const missing = new Map<string, Expected[]>();
  for (const one of expected.values()) {
    if (isThere(view, one) || view.troubledBridges.has(one.link)) continue;
    missing.set(one.link, [...(missing.get(one.link) ?? []), one]);
  }
  return [...missing.values()].flatMap((all) => lostGateways(view, all));
}

function isThere(view: View, { text, link }: Expected): boolean {
  const wanted = view.cidr(text);
  if (wanted === undefined) return true;
  return addressesOf(view, link).some((present) => isEnough(present, wanted));
}

/** The IPv6 address for a larger subnet serves for the smaller one, too. */
function isEnough(present: Cidr, { ip, prefix }: Cidr): boolean {
  if (!sameIp(present.ip, ip)) return false;
  return ip.family === 6 ? present.prefix <= prefix : present.prefix === prefix;
}

function addressesOf(view: View, name: string): Cidr[] {
  const index = view.linkNamed(name)?.index;
  return view
    .nodeAddresses()
    .filter((one) => one.index === index)
    .map(({ address }) => address);
}

function lostGateways(view: View, lost: readonly Expected[]): Finding[] {
  const [first] = lost;
  const users = [...new Set(lost.flatMap((one) => one.users))].filter((one) =>
    view.linkNamed(one.wanted.port?.name ?? ''),
  );
  const [user] = users;
  if (first === undefined || user === undefined) return [];
  view.troubledBridges.add(first.link);
  for (const one of users) view.troubled.add(one);
  const texts = lost.map(({ text }) => text).join(' and ');
  const has = addressesOf(view, first.link).map(formatCidr).join(', ') || 'none';
  return [
    {
      level: 'error',
      code: 'gateway-missing',
      subject: `bridge ${first.link}`,
      what: `it lacks the gateway address ${texts}: ${usersText(users)} without a gateway`,
      evidence: `${first.link} has ${has}`,
      fix: reconcileCommand(view.examination, user),
      isSafe: true,
    },
  ];
}
