/** The addresses and routes of the interface in the container. */

import { type Cidr, formatCidr, networkOf, sameCidr } from '../../../address/cidr.ts';
import { BITS, formatIp, sameIp } from '../../../address/ip.ts';
import type { LinkAddress } from '../../../netlink/route/address.ts';
import type { LinkRoute } from '../../../netlink/route/route.ts';
import { insideOf } from '../command-lines.ts';
import type { Finding } from '../examination.ts';
import { reconcileCommand, restartCommand } from './commands.ts';
import type { Inside, InsideLink } from './inside.ts';
import { type Attached, isInside, subjectOf, type View } from './view.ts';
import type { WantedAddressing, WantedRoute } from './wanted.ts';

/**
 * What is wrong inside one container; nothing where its interface is missing or down, for addresses and routes go with that.
 * A lost address takes its routes along, so lost routes are a finding of their own only where all addresses are there.
 */
export function examineAddressing(view: View, one: Attached): Finding[] {
  const { addressing, port } = one.wanted;
  const inside = view.inside(one);
  if (addressing === undefined || addressing.addresses.length === 0 || !isInside(inside)) return [];
  const link = inside.interfaceNamed(one.ifName);
  if (link === undefined || !link.up || link.peer !== view.linkNamed(port?.name ?? '')?.index) return [];
  const found = examineAddresses(view, one, inside, link, addressing);
  return found.length > 0 ? found : lostRoutes(view, one, inside, addressing);
}

function examineAddresses(
  view: View,
  one: Attached,
  inside: Inside,
  link: InsideLink,
  { addresses }: WantedAddressing,
): Finding[] {
  const present = inside.addressesOf(link.index);
  const missing: Cidr[] = [];
  const findings: Finding[] = [];
  for (const { address: text } of addresses) {
    const wanted = view.cidr(text);
    if (wanted === undefined) continue;
    const found = present.find(({ address }) => sameIp(address.ip, wanted.ip));
    if (found === undefined) missing.push(wanted);
    else if (found.duplicate) findings.push(refused(view, one, wanted));
    else if (!present.some(({ address }) => sameCidr(address, wanted)))
      findings.push(wrongPrefix(view, one, wanted, found));
  }
  return missing.length === 0 ? findings : [...findings, lostAddresses(view, one, missing, present)];
}

function lostAddresses(view: View, one: Attached, missing: readonly Cidr[], present: readonly LinkAddress[]): Finding {
  const texts = missing.map(formatCidr).join(' and ');
  const has = present.map(({ address }) => formatCidr(address)).join(', ') || 'none';
  return {
    ...about(one, 'address-missing', `${one.ifName} in the container has lost ${texts}`),
    evidence: `${one.ifName} has ${has}; its record says ${texts}`,
    fix: reconcileCommand(view.examination, one),
    isSafe: true,
  };
}

function wrongPrefix(view: View, one: Attached, wanted: Cidr, { address }: LinkAddress): Finding {
  const { netns, ifName } = one;
  const [present, right] = [formatCidr(address), formatCidr(wanted)];
  const change = `ip address delete ${present} dev ${ifName} && ip address add ${right} dev ${ifName} nodad`;
  const inside = change.replace(wanted.ip.family === 4 ? ' nodad' : /$/, '');
  return {
    ...about(
      one,
      'address-prefix-wrong',
      'its address is for a subnet of another size: neighbours or gateway are out of reach',
    ),
    evidence: `${ifName} has ${present}, and its record says ${right}`,
    fix: `${insideOf(netns?.path ?? '', 'sh', '-c', inside)} && ${reconcileCommand(view.examination, one)}`,
  };
}

/** Duplicate address detection found another host with the address. */
function refused(view: View, one: Attached, { ip }: Cidr): Finding {
  return {
    ...about(
      one,
      'address-duplicate',
      `another host on the bridge has its address ${formatIp(ip)}, which it cannot use`,
    ),
    evidence: `the kernel marks ${formatIp(ip)} of ${one.ifName} with dadfailed`,
    fix: restartCommand(view.examination, one),
  };
}

function lostRoutes(view: View, one: Attached, inside: Inside, { routes }: WantedAddressing): Finding[] {
  let missing = routes.filter(
    (route) => !inside.routesOf(prefixOf(route)).some((other) => isRoute(view, other, route)),
  );
  if (missing.length > 0) {
    const all = inside.everyRoute(); // chained plugins move routes to other tables
    missing = missing.filter((route) => !all.some((other) => isRoute(view, other, route)));
  }
  if (missing.length === 0) return [];
  const text = missing.map(({ dst, gw }) => `${dst}${gw === undefined ? '' : ` via ${gw}`}`).join(' and ');
  return [
    {
      ...about(one, 'route-missing', `the container has lost the route ${text}`),
      evidence: `no table of ${one.netns?.path} has it; its record says that it has it`,
      fix: reconcileCommand(view.examination, one),
      isSafe: true,
    },
  ];
}

function isRoute(view: View, { dst, gateway }: LinkRoute, route: WantedRoute): boolean {
  const wanted = view.cidr(route.dst);
  if (wanted === undefined || !sameCidr(networkOf(dst), networkOf(wanted))) return false;
  if (route.gw === undefined) return true;
  const gw = view.cidr(`${route.gw}/${BITS[dst.ip.family]}`)?.ip;
  return gw !== undefined && gateway !== undefined && sameIp(gateway, gw);
}

function prefixOf({ dst }: WantedRoute): number {
  return Number(dst.slice(dst.lastIndexOf('/') + 1));
}

function about(one: Attached, code: string, what: string): Omit<Finding, 'evidence' | 'fix'> {
  return { level: 'error', code, subject: subjectOf(one), what, isSafe: false };
}
