/** The MTU along the path of an attachment: interface in the container, host veth, bridge, uplink. */

import type { Link } from '../../../netlink/route/link.ts';
import { grouped } from '../../../resources/grouped.ts';
import { findUplink } from '../../../resources/links.ts';
import { commandOf, insideOf, word } from '../command-lines.ts';
import type { Finding } from '../examination.ts';
import { usersText } from './bridges.ts';
import { type Attached, isInside, subjectOf, type View } from './view.ts';

/** The three that are compared, of an attachment whose interfaces are where they should be. */
interface Path {
  readonly one: Attached;
  readonly host: Link;
  readonly bridge: Link;
  /** The MTU of the interface in the container. */
  readonly inside: number;
}

/** One finding at most for each attachment, and two for each bridge. */
export function examineMtu(view: View): Finding[] {
  const paths = view.attached.flatMap((one) => pathOf(view, one) ?? []);
  const changed = paths.filter(({ one: { wanted }, host }) => (wanted.port?.mtu ?? host.mtu) !== host.mtu);
  const tooLarge = paths.filter((path) => !changed.includes(path) && path.inside > path.host.mtu);
  const bridges = grouped(paths, ({ bridge }) => bridge.name);
  return [
    ...changed.flatMap((path) => view.about(path.one, [portChanged(path)])),
    ...tooLarge.flatMap((path) => view.about(path.one, [containerTooLarge(path)])),
    ...[...bridges.values()].flatMap((all) =>
      all.some((path) => changed.includes(path)) ? [] : bridgeTooSmall(view, all),
    ),
    ...aboveUplink(view, [...bridges.values()]),
  ];
}

function pathOf(view: View, one: Attached): Path | undefined {
  const { port } = one.wanted;
  const host = port && view.linkNamed(port.name);
  const bridge = port && view.linkNamed(port.bridge);
  const found = view.inside(one);
  if (host === undefined || bridge === undefined || host.master !== bridge.index || !isInside(found)) return undefined;
  const link = found.interfaceNamed(one.ifName);
  return link?.peer === host.index ? { one, host, bridge, inside: link.mtu } : undefined;
}

function portChanged({ one, host, inside }: Path): Finding {
  const wanted = one.wanted.port?.mtu ?? host.mtu;
  const loss =
    inside > host.mtu ? `packets of the container above ${host.mtu} bytes are lost` : 'the path has another size';
  return {
    level: inside > host.mtu ? 'error' : 'warning',
    code: 'port-mtu-changed',
    subject: subjectOf(one),
    what: `the MTU of its host veth was changed: ${loss}`,
    evidence: `the MTU of ${host.name} is ${host.mtu}, and its record says ${wanted}`,
    fix: commandOf('ip', 'link', 'set', host.name, 'mtu', wanted),
    isSafe: true,
  };
}

function containerTooLarge({ one, host, inside }: Path): Finding {
  return {
    level: 'error',
    code: 'container-mtu-too-large',
    subject: subjectOf(one),
    what: `the MTU of ${one.ifName} is larger than that of its host veth: packets above ${host.mtu} bytes are lost`,
    evidence: `${one.ifName} has ${inside}, and ${host.name} has ${host.mtu}`,
    fix: insideOf(one.netns?.path ?? '', 'ip', 'link', 'set', one.ifName, 'mtu', host.mtu),
    isSafe: false,
  };
}

function bridgeTooSmall(view: View, paths: readonly Path[]): Finding[] {
  const affected = paths.filter(({ host, bridge }) => host.mtu > bridge.mtu);
  const [first] = affected;
  if (first === undefined) return [];
  const { bridge } = first;
  const largest = Math.max(...affected.map(({ host }) => host.mtu));
  const { links } = view.examination.inventory;
  const least = links.find(({ master, mtu }) => master === bridge.index && mtu === bridge.mtu);
  const why = least === undefined ? '' : `, as its port ${least.name} has`;
  return [
    {
      level: 'warning',
      code: 'bridge-mtu-too-small',
      subject: `bridge ${bridge.name}`,
      what: `its MTU is smaller than that of its ports: the node sends smaller packets than ${usersText(affected.map(({ one }) => one)).replace(/ (is|are)$/, '')} can take`,
      evidence: `${bridge.name} has ${bridge.mtu}${why}; ${first.host.name} has ${first.host.mtu}`,
      fix: commandOf('ip', 'link', 'set', bridge.name, 'mtu', largest),
      isSafe: true,
    },
  ];
}

/** Containers whose packets must shrink on their way out: they stall where a firewall eats the ICMP that says so. */
function aboveUplink(view: View, bridges: readonly (readonly Path[])[]): Finding[] {
  const routed = bridges.map((paths) => paths.filter(({ one }) => one.wanted.gateway !== undefined));
  if (routed.every((paths) => paths.length === 0)) return [];
  const { route } = view.examination.node;
  const uplink = findUplink(route, 4) ?? findUplink(route, 6);
  if (uplink === undefined) return [];
  return routed.flatMap((paths) => {
    const affected = paths.filter(({ inside, one }) => inside > uplink.mtu && !view.troubled.has(one));
    const [first] = affected;
    if (first === undefined || uplink.index === first.bridge.index) return [];
    return [tooLargeForUplink(uplink, first, affected)];
  });
}

function tooLargeForUplink(uplink: Link, { bridge, one, inside }: Path, affected: readonly Path[]): Finding {
  const set = ({ one: { netns, ifName } }: Path) =>
    insideOf(netns?.path ?? '', 'ip', 'link', 'set', ifName, 'mtu', uplink.mtu);
  const same = affected.every((path) => path.one.ifName === one.ifName);
  const paths = affected.map((path) => word(path.one.netns?.path ?? '')).join(' ');
  const loop = `for netns in ${paths}; do nsenter --net="$netns" ip link set ${word(one.ifName)} mtu ${uplink.mtu}; done`;
  return {
    level: 'warning',
    code: 'mtu-above-uplink',
    subject: `bridge ${bridge.name}`,
    what: 'containers have a larger MTU than the uplink: connections stall where a firewall drops the ICMP that says so',
    evidence: `${one.ifName} of ${subjectOf(one)} has ${inside}, and the uplink ${uplink.name} has ${uplink.mtu}`,
    fix: affected.length > 1 && same ? loop : affected.map(set).join(' && '),
    isSafe: false,
  };
}
