/** What the kernel says, read with the ordinary tools and not with our own code. */

import { exec, type Netns, tryExec } from './netns.ts';

export interface Link {
  ifindex: number;
  ifname: string;
  flags: string[];
  mtu: number;
  operstate: string;
  address: string;
  /** The bridge it is a port of. */
  master?: string;
  /** Of a veth: the peer's index, and the namespace that is in. */
  link_index?: number;
  link_netnsid?: number;
  ifalias?: string;
  linkinfo?: {
    info_kind?: string;
    info_data?: Record<string, unknown>;
    info_slave_kind?: string;
    info_slave_data?: Record<string, unknown>;
  };
  [key: string]: unknown;
}

export interface Address {
  dev: string;
  family: 'inet' | 'inet6';
  /** `10.1.0.2/24` */
  cidr: string;
  scope: string;
  broadcast?: string;
  /** As `ip` has them: tentative, nodad, dadfailed, … */
  flags: string[];
}

export interface Route {
  dst: string;
  gateway?: string;
  dev?: string;
  scope?: string;
  protocol?: string;
  prefsrc?: string;
  metric?: number;
  flags: string[];
  [key: string]: unknown;
}

/** All links (`ip -details link`), or those of a kind: `links(ns, 'veth')`. */
export function links(ns: Netns, kind?: string): Link[] {
  const all = json<Link>(exec(ns, ['ip', '-details', '-json', 'link', 'show']));
  return kind === undefined ? all : all.filter((link) => link.linkinfo?.info_kind === kind);
}

/** One link by name, or undefined. */
export function link(ns: Netns, name: string): Link | undefined {
  return links(ns).find((candidate) => candidate.ifname === name);
}

/** The addresses of a link, or of all, without the kernel's own link-local ones unless asked. */
export function addresses(ns: Netns, dev?: string, options: { linkLocal?: boolean } = {}): Address[] {
  const args = ['ip', '-json', 'address', 'show', ...(dev === undefined ? [] : ['dev', dev])];
  const all = json<{ ifname: string; addr_info: RawAddress[] }>(exec(ns, args));
  const flat = all.flatMap(({ ifname, addr_info }) => addr_info.map((raw) => toAddress(ifname, raw)));
  return flat.filter((address) => options.linkLocal || !address.cidr.startsWith('fe80:'));
}

/** `['10.1.0.2/24', …]` of a link, sorted, without link-local ones. */
export function cidrs(ns: Netns, dev: string): string[] {
  return addresses(ns, dev)
    .map((address) => address.cidr)
    .sort();
}

/** The main table's routes, without the link-local and multicast ones that the kernel makes by itself. */
export function routes(ns: Netns, family: 4 | 6): Route[] {
  const all = json<Route>(exec(ns, ['ip', '-json', `-${family}`, 'route', 'show']));
  return all.filter((route) => !/^(fe80:|ff00:)/.test(route.dst));
}

/** The ports of bridges with their settings (`bridge -details link`). */
export function bridgePorts(ns: Netns): Link[] {
  return json<Link>(exec(ns, ['bridge', '-details', '-json', 'link', 'show']));
}

/** A sysctl of the namespace, by its path below /proc/sys: `net/ipv4/ip_forward`. Undefined where there is none. */
export function sysctl(ns: Netns, path: string): string | undefined {
  const read = tryExec(ns, ['cat', `/proc/sys/${path}`]);
  return read.status === 0 ? read.stdout.trim() : undefined;
}

/** Sets a sysctl of the namespace. */
export function setSysctl(ns: Netns, path: string, value: string | number): void {
  exec(ns, ['sh', '-c', 'printf %s "$1" >"/proc/sys/$2"', 'sh', String(value), path]);
}

interface RawAddress {
  family: 'inet' | 'inet6';
  local: string;
  prefixlen: number;
  scope: string;
  broadcast?: string;
  [flag: string]: unknown;
}

function toAddress(dev: string, raw: RawAddress): Address {
  const { family, scope, broadcast } = raw;
  const flags = Object.keys(raw).filter((name) => raw[name] === true);
  return { dev, family, cidr: `${raw.local}/${raw.prefixlen}`, scope, ...(broadcast ? { broadcast } : {}), flags };
}

/** `ip -json` prints nothing at all, or empty objects, where there is nothing to say. */
function json<T extends object>(text: string): T[] {
  const parsed = text.trim() === '' ? [] : (JSON.parse(text) as T[]);
  return parsed.filter((item) => Object.keys(item).length > 0);
}
