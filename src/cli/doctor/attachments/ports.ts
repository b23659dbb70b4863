/** The host veth of an attachment and its other end, the interface in the container. */

import { formatMac } from '../../../address/mac.ts';
import type { Link } from '../../../netlink/route/link.ts';
import { aliasOwner, isSameOwner, ownerText } from '../../../resources/names.ts';
import { findPortVlans, formatVlans, hasVlans, type VlanMembership } from '../../../resources/vlan/vlan.ts';
import { commandOf, insideOf } from '../command-lines.ts';
import type { Finding } from '../examination.ts';
import { usersText } from './bridges.ts';
import { reconcileCommand, restartCommand } from './commands.ts';
import type { Inside, InsideLink } from './inside.ts';
import { type Attached, isInside, subjectOf, type View } from './view.ts';
import { entryOf, type WantedPort } from './wanted.ts';

/** The host veths that are ports of no bridge, or of another one than their own; a finding for each bridge. */
export function examineMembership(view: View): Finding[] {
  const off = new Map<string, Attached[]>();
  const moved: Finding[] = [];
  for (const one of view.attached) {
    const { port } = one.wanted;
    const host = port && view.linkNamed(port.name);
    const bridge = port && view.linkNamed(port.bridge);
    if (port === undefined || host === undefined || bridge === undefined) continue;
    if (bridge.kind !== 'bridge' || host.kind !== 'veth' || host.master === bridge.index) continue;
    if (host.master === undefined) off.set(port.bridge, [...(off.get(port.bridge) ?? []), one]);
    else moved.push(...view.about(one, [onOtherBridge(view, one, host, port)]));
  }
  const lost = [...off].flatMap(([bridge, all]) => {
    const settled = all.filter((one) => view.about(one, [offBridge(view, bridge, [one])]).length > 0);
    return settled.length === 0 ? [] : [offBridge(view, bridge, settled)];
  });
  return [...lost, ...moved];
}

/** What is wrong with one attachment's veth pair, without what follows from another finding. */
export function examinePort(view: View, one: Attached): Finding[] {
  const { port } = one.wanted;
  if (port === undefined) return [];
  const host = view.linkNamed(port.name);
  if (host === undefined) return [hostVethMissing(view, one, port)];
  const owner = aliasOwner(host.alias);
  if (host.kind !== 'veth' || (owner !== undefined && !isOwn(one, owner))) return [hostVethReplaced(view, one, host)];
  const inside = view.inside(one);
  return [
    ...(host.up ? [] : [hostVethDown(one, host)]),
    ...lostSettings(view, one, host, port),
    ...(isInside(inside) ? examineInterface(view, one, inside, host, port) : []),
  ];
}

function examineInterface(view: View, one: Attached, inside: Inside, host: Link, port: WantedPort): Finding[] {
  const lo = inside.isLoopbackUp || port.keepDown ? [] : [loopbackDown(one)];
  const link = inside.interfaceNamed(one.ifName);
  const other = inside.nameOf(host.peer ?? 0);
  if (link === undefined || link.peer !== host.index) {
    return [...lo, other === undefined ? interfaceReplaced(view, one, host, link) : renamed(view, one, other)];
  }
  const down = link.up || port.keepDown ? [] : [interfaceDown(view, one, host)];
  return [...lo, ...down, ...changedMac(one, link)];
}

function hostVethMissing(view: View, one: Attached, { name }: WantedPort): Finding {
  return {
    ...about(one, 'host-veth-missing', `its host veth ${name} is gone, and with it the interface in the container`),
    evidence: `no link of the node is called ${name}; ${one.life.evidence}`,
    fix: restartCommand(view.examination, one),
  };
}

function hostVethReplaced(view: View, one: Attached, { name, kind, alias }: Link): Finding {
  return {
    ...about(one, 'host-veth-replaced', `the link ${name} is not its host veth`),
    evidence: `${name} is of the kind ${kind ?? 'device'}${alias === undefined ? '' : ` with the alias ${alias}`}`,
    fix: restartCommand(view.examination, one),
  };
}

function hostVethDown(one: Attached, { name }: Link): Finding {
  return {
    ...about(one, 'host-veth-down', `its host veth ${name} is down, so ${one.ifName} in the container has no carrier`),
    evidence: `the flags of ${name} lack UP; inside, the state of ${one.ifName} is LOWERLAYERDOWN: its other end is down`,
    fix: commandOf('ip', 'link', 'set', name, 'up'),
    isSafe: true,
  };
}

function offBridge(view: View, bridge: string, users: readonly Attached[]): Finding {
  const [first] = users as readonly [Attached];
  const names = users.slice(0, 3).map(({ wanted }) => wanted.port?.name);
  const more = users.length > names.length ? ` and ${users.length - names.length} more` : '';
  const what =
    users.length === 1 ? `its host veth is not a port of ${bridge}` : `host veths are not ports of ${bridge}`;
  return {
    ...about(first, 'port-not-on-bridge', `${what}: ${usersText(users)} cut off`),
    subject: users.length === 1 ? subjectOf(first) : `bridge ${bridge}`,
    evidence: `${names.join(', ')}${more}: no master`,
    fix: reconcileCommand(view.examination, first),
    isSafe: true,
  };
}

function onOtherBridge(view: View, one: Attached, host: Link, { bridge }: WantedPort): Finding {
  const other = view.linkAt(host.master ?? 0)?.name ?? `link ${host.master}`;
  const back = commandOf('ip', 'link', 'set', host.name, 'nomaster');
  return {
    ...about(one, 'port-on-other-bridge', `its host veth ${host.name} is a port of ${other}, not of ${bridge}`),
    evidence: `the master of ${host.name} is ${other}`,
    fix: `${back} && ${reconcileCommand(view.examination, one)}`,
  };
}

/** Hairpin, isolation and VLANs, which go with the port and so matter only where it is on its bridge. */
function lostSettings(view: View, one: Attached, host: Link, port: WantedPort): Finding[] {
  if (host.master === undefined || host.master !== view.linkNamed(port.bridge)?.index) return [];
  const set = (option: string) => commandOf('ip', 'link', 'set', host.name, 'type', 'bridge_slave', option, 'on');
  const findings: Finding[] = [];
  if (port.hairpin && !host.port?.hairpin) {
    findings.push({
      ...about(one, 'port-hairpin-off', 'the container cannot reach itself through a host port or a service'),
      level: 'warning',
      evidence: `hairpin mode of ${host.name} is off, and its record says on`,
      fix: set('hairpin'),
      isSafe: true,
    });
  }
  if (port.isolated && !host.port?.isolated) {
    findings.push({
      ...about(one, 'port-isolation-off', `other ports of ${port.bridge} that are not isolated reach the container`),
      evidence: `isolation of ${host.name} is off, and its record says on`,
      fix: set('isolated'),
      isSafe: true,
    });
  }
  const vlans = entryOf(one.record.plan ?? [], 'port')?.vlans as VlanMembership | undefined;
  return vlans === undefined ? findings : [...findings, ...lostVlans(view, one, host, vlans)];
}

function lostVlans(view: View, one: Attached, host: Link, wanted: VlanMembership): Finding[] {
  const present = findPortVlans(view.examination.node.route, host.index);
  if (hasVlans(present, wanted)) return [];
  return [
    {
      ...about(one, 'port-vlans-changed', `its host veth ${host.name} is in other VLANs than its record says`),
      evidence: `it is in ${formatVlans(present)}, and its record says ${formatVlans(wanted.vlans)}`,
      fix: reconcileCommand(view.examination, one),
    },
  ];
}

function loopbackDown(one: Attached): Finding {
  return {
    ...about(one, 'loopback-down', 'lo is down in the container: no program there reaches 127.0.0.1 or ::1'),
    level: 'warning',
    evidence: 'the flags of lo lack UP',
    fix: insideOf(pathOf(one), 'ip', 'link', 'set', 'lo', 'up'),
    isSafe: true,
  };
}

function interfaceReplaced(view: View, one: Attached, host: Link, link: InsideLink | undefined): Finding {
  const found =
    link === undefined ? `there is no ${one.ifName} in ${pathOf(one)}` : `${one.ifName} is another interface`;
  return {
    ...about(one, 'container-interface-missing', `its interface ${one.ifName} is not in the container`),
    evidence: `${found}, and the other end of ${host.name} is not there under another name`,
    fix: restartCommand(view.examination, one),
  };
}

function renamed(view: View, one: Attached, name: string): Finding {
  const { ifName } = one;
  const back = `ip link set ${name} down && ip link set ${name} name ${ifName}`;
  return {
    ...about(one, 'container-interface-renamed', `its interface ${ifName} is called ${name} in the container`),
    evidence: `the other end of its host veth is ${name}`,
    fix: `${insideOf(pathOf(one), 'sh', '-c', back)} && ${reconcileCommand(view.examination, one)}`,
  };
}

function interfaceDown(view: View, one: Attached, { name }: Link): Finding {
  return {
    ...about(one, 'container-interface-down', `${one.ifName} is down in the container, so its routes are gone`),
    evidence: `the flags of ${one.ifName} lack UP; the state of ${name} is LOWERLAYERDOWN: its other end is down`,
    fix: reconcileCommand(view.examination, one),
    isSafe: true,
  };
}

/** Another MAC than the guard lets through. Without a guard, a chained plugin may have set it. */
function changedMac(one: Attached, link: InsideLink): Finding[] {
  const { guardedMac } = one.wanted;
  const found = formatMac(link.mac);
  if (guardedMac === undefined || guardedMac.toLowerCase() === found) return [];
  return [
    {
      ...about(one, 'mac-changed', `the MAC of ${one.ifName} was changed, and the MAC guard drops all that it sends`),
      evidence: `${one.ifName} has ${found}, and the guard lets ${guardedMac} through`,
      fix: insideOf(pathOf(one), 'ip', 'link', 'set', one.ifName, 'address', guardedMac),
    },
  ];
}

/** Container IDs are unique, so one that is there whole says enough; the hashes of `ownerText` take their time. */
function isOwn({ record, dataDir }: Attached, owner: string): boolean {
  const { containerId, ifName } = record;
  return owner.endsWith(`/${containerId}/${ifName}`) || isSameOwner(owner, ownerText({ ...record, dataDir }));
}

/** The beginning of an error about an attachment. */
function about(one: Attached, code: string, what: string): Omit<Finding, 'evidence' | 'fix'> {
  return { level: 'error', code, subject: subjectOf(one), what, isSafe: false };
}

function pathOf({ netns }: Attached): string {
  return netns?.path ?? '';
}
