/** Whether the node forwards what containers send and what comes back to them: forwarding, source checks, advertisements. */

import { type Family, formatIp, sameIp } from '../../../address/ip.ts';
import { execute } from '../../../netlink/connection.ts';
import { decodeAddress, listAddresses } from '../../../netlink/route/address.ts';
import { acceptRaOf, isForwardingIpv6, type Link } from '../../../netlink/route/link.ts';
import { advertisedUplinks } from '../../../resources/bridge/bridge-link.ts';
import { FORWARDING_SYSCTL, forwardingKind, isForwarding } from '../../../resources/forwarding/forwarding.ts';
import { gatewayKind } from '../../../resources/gateway/gateway.ts';
import { findDefaultRoute, findDefaultSource } from '../../../resources/links.ts';
import { acceptRaSysctl } from '../../../resources/sysctl.ts';
import { vlanGatewayName } from '../../../resources/vlan/gateway-pair.ts';
import { sysctlLine } from '../command-lines.ts';
import type { Examination, Finding, Section } from '../examination.ts';
import { livingAttachments, sharedWants } from '../plans.ts';
import { numberAt } from '../proc.ts';

/** Values of rp_filter (ip-sysctl.rst): a packet must come in by the link by which an answer leaves; or by any link. */
const STRICT = 1;
const LOOSE = 2;

export const forwarding: Section = {
  name: 'forwarding',
  examine(examination) {
    const living = livingAttachments(examination.inventory);
    const families = [...new Set(sharedWants(living, forwardingKind).flatMap((one) => one.families))].sort();
    if (families.length === 0) return { summary: 'no attachment here needs it', findings: [] };
    const gateways = new Set(
      sharedWants(living, gatewayKind, ['bridge', 'vlan']).map(({ bridge, vlan }) =>
        vlan === undefined ? bridge : vlanGatewayName(bridge, vlan),
      ),
    );
    const findings = [
      ...families.flatMap((family) => forwardingOff(examination, family)),
      ...(families.includes(4) ? interfacesOff(examination, gateways) : []),
      ...(families.includes(4) ? strictReversePath(examination) : []),
      ...(families.includes(6) ? ignoredAdvertisements(examination) : []),
    ];
    return { summary: `on for ${families.map((family) => `IPv${family}`).join(' and ')}`, findings };
  },
};

function forwardingOff(examination: Examination, family: Family): Finding[] {
  const { route } = examination.node;
  if (isForwarding(route, family)) return [];
  const path = `net/${FORWARDING_SYSCTL[family]}`;
  const value = examination.readProc(`sys/${path}`) ?? 'missing';
  if (value === '1') return [];
  // Turning it on makes the kernel forget the routes that advertisements brought, unless accept_ra is 2.
  const advertised = family === 6 ? linksOf(examination, advertisedUplinks(route)) : [];
  const kept = advertised
    .filter((link) => acceptRaOf(link) === 1)
    .map(({ name }) => [`net/${acceptRaSysctl(name)}`, 2]);
  return [
    {
      level: 'error',
      code: 'forwarding-off',
      subject: `IPv${family}`,
      what: `the node does not forward IPv${family}, so containers reach the node alone`,
      evidence: `/proc/sys/${path}: ${value}`,
      fix: sysctlLine({ ...Object.fromEntries(kept), [path]: 1 }),
      isSafe: true,
    },
  ];
}

/** IPv4 forwards a packet only where the link that it came in by does; the other family asks for the whole node alone. */
function interfacesOff(examination: Examination, gateways: ReadonlySet<string>): Finding[] {
  const { node, inventory, readProc } = examination;
  if (!isForwarding(node.route, 4)) return [];
  const uplink = linksOf(examination, [findDefaultRoute(node.route, 4)?.index ?? -1]).map(({ name }) => name);
  const names = [...new Set([...gateways, ...uplink])].filter((name) =>
    inventory.links.some((link) => link.name === name),
  );
  return names.flatMap((name): Finding[] => {
    const path = `net/ipv4/conf/${name}/forwarding`;
    if (readProc(`sys/${path}`) !== '0') return [];
    const whose = gateways.has(name) ? 'what containers send' : 'the replies to containers';
    return [
      {
        level: 'error',
        code: 'interface-forwarding-off',
        subject: name,
        what: `the node forwards IPv4, but not what comes in by ${name}: ${whose}`,
        evidence: `/proc/sys/${path}: 0`,
        fix: sysctlLine({ [path]: 1 }),
        isSafe: true,
      },
    ];
  });
}

/**
 * The source address of what leaves by the default route is on another link, by which the replies come in: with the strict check
 * the kernel drops them there.
 */
function strictReversePath(examination: Examination): Finding[] {
  const { node, inventory, readProc } = examination;
  const [way, source] = [findDefaultRoute(node.route, 4), findDefaultSource(node.route, 4)];
  if (way === undefined || source === undefined) return [];
  const replies = execute(node.route, listAddresses(0, 4))[0] ?? [];
  const owner = replies.map(({ payload }) => decodeAddress(payload)).find(({ address }) => sameIp(address.ip, source));
  const link = inventory.links.find(({ index }) => index === owner?.index);
  if (link === undefined || link.index === way.index || link.name === 'lo' || link.kind === 'dummy' || !link.carrier)
    return [];
  const path = `net/ipv4/conf/${link.name}/rp_filter`;
  const values = ['net/ipv4/conf/all/rp_filter', path].map((one) => numberAt(readProc, `sys/${one}`) ?? 0);
  if (Math.max(...values) !== STRICT) return [];
  const [out] = linksOf(examination, [way.index]);
  return [
    {
      level: 'error',
      code: 'reverse-path-filter',
      subject: link.name,
      what: `packets leave by ${out?.name} with an address of ${link.name}, so the replies come in by ${link.name}, where the kernel drops them for their source`,
      evidence: `the default route leads to ${out?.name} and gives the source ${formatIp(source)}, which is on ${link.name}; /proc/sys/${path}: ${values[1]}, of all: ${values[0]}`,
      fix: sysctlLine({ [path]: LOOSE }),
      isSafe: false,
    },
  ];
}

/** A link that forwards takes no advertisements with accept_ra=1: the routes that it has of them end with their lifetime. */
function ignoredAdvertisements(examination: Examination): Finding[] {
  const uplinks = linksOf(examination, advertisedUplinks(examination.node.route));
  const ignoring = uplinks.filter((link) => isForwardingIpv6(link) && acceptRaOf(link) === 1);
  return ignoring.map(({ name }) => ({
    level: 'error',
    code: 'advertisements-ignored',
    subject: name,
    what: `the default route by ${name} comes from a router's advertisement and will not be renewed, since the node forwards`,
    evidence: `/proc/sys/net/${acceptRaSysctl(name)}: 1, with forwarding on; a route of the protocol ra leads to ${name}`,
    fix: sysctlLine({ [`net/${acceptRaSysctl(name)}`]: 2 }),
    isSafe: true,
  }));
}

function linksOf({ inventory }: Examination, indexes: Iterable<number>): Link[] {
  const wanted = new Set(indexes);
  return inventory.links.filter(({ index }) => wanted.has(index));
}
