/** The result of ADD: one internal form, and its translation to and from each version of the specification. */

import * as z from 'zod/mini';
import { type Cidr, formatCidr } from '../address/cidr.ts';
import { type Family, formatIp, type Ip } from '../address/ip.ts';
import { Fault } from '../fault.ts';
import { parseWith } from '../schema/explain.ts';
import { isObject } from '../schema/json.ts';
import { cidr, type Dns, dns, ip, list, object, options, type Route, route, unsigned } from '../schema/net.ts';
import { distinctRoutes } from '../schema/routes.ts';
import { type CniVersion, isAtLeast, parseVersion } from './versions.ts';

export interface ResultInterface {
  readonly name: string;
  readonly mac?: string | undefined;
  readonly mtu?: number | undefined;
  /** Written by other plugins (vhost-user, SR-IOV). */
  readonly socketPath?: string | undefined;
  readonly pciID?: string | undefined;
  /** Path of the netns of the interface; undefined for the node's. */
  readonly sandbox?: string | undefined;
}

export interface ResultIp {
  readonly address: Cidr;
  readonly gateway?: Ip | undefined;
  /** Index in `interfaces`. */
  readonly interface?: number | undefined;
}

export interface Result {
  readonly interfaces: readonly ResultInterface[];
  readonly ips: readonly ResultIp[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}

type Json = Record<string, unknown>;

const text = z.string();
const place = unsigned(0xffff_ffff);
const routes = list(route);
const oldIp = object({ ip: cidr }, { gateway: ip, routes });
const resultSchema = options({
  interfaces: list(object({ name: text }, { mac: text, mtu: place, sandbox: text, socketPath: text, pciID: text })),
  ips: list(object({ address: cidr }, { gateway: ip, interface: place })),
  routes,
  dns,
  ip4: oldIp,
  ip6: oldIp,
});

/**
 * The JSON object of a result in that version. Before 0.3.0 a result has one address a family; before 1.0.0 it always has
 * `dns`, even an empty one.
 */
export function encodeResult(result: Result, version: CniVersion): Json {
  if (!isAtLeast(version, '0.3.0')) return encodeOldResult(result, version);
  const encodeInterface = ({ name, mac, sandbox, ...later }: ResultInterface): Json =>
    present({ name, mac, ...(isAtLeast(version, '1.1.0') && later), sandbox });
  const encodeIp = (ip: ResultIp): Json =>
    present({
      version: isAtLeast(version, '1.0.0') ? undefined : String(ip.address.ip.family),
      interface: ip.interface,
      address: formatCidr(ip.address),
      gateway: ip.gateway && formatIp(ip.gateway),
    });
  return present({
    cniVersion: version,
    interfaces: nonEmpty(result.interfaces.map(encodeInterface)),
    ips: nonEmpty(result.ips.map(encodeIp)),
    routes: nonEmpty(result.routes.map((route) => encodeRoute(route, version))),
    dns: isAtLeast(version, '1.0.0') && isEmpty(result.dns) ? undefined : result.dns,
  });
}

/** Reads a result of any version; equal routes become one. Errors name the result as `what`. @throws Fault `decode` */
export function decodeResult(json: unknown, what: string): Result {
  const { interfaces = [], ips = [], routes = [], dns = {}, ip4, ip6 } = parseWith(resultSchema, json, what, 'decode');
  const old = [ip4, ip6].filter((entry) => entry !== undefined);
  return {
    interfaces: interfaces.map((link) => ({ ...link, sandbox: link.sandbox || undefined })),
    ips: [...ips, ...old.map(({ ip, gateway }) => ({ address: ip, gateway }))],
    routes: distinctRoutes([...routes, ...old.flatMap((entry) => entry.routes ?? [])]),
    dns,
  };
}

/**
 * The result of a plugin that is not the first in its list: the previous plugin's, with its own appended (CNI spec 1.1,
 * sections 4 and 5). The places that our addresses name in `interfaces` shift by the number of previous interfaces.
 *
 * Of the reference's plugins, those that change an attachment (tuning, bandwidth), and loopback, append to prevResult or print
 * it unchanged; its main plugins (bridge, ptp, macvlan) print their own result alone, so that the runtime loses what came
 * before.
 */
export function mergeResult(previous: Result | undefined, own: Result): Result {
  if (previous === undefined) return own;
  const shift = previous.interfaces.length;
  const shifted = own.ips.map((ip) => (ip.interface === undefined ? ip : { ...ip, interface: ip.interface + shift }));
  return {
    interfaces: [...previous.interfaces, ...own.interfaces],
    ips: [...previous.ips, ...shifted],
    routes: [...previous.routes, ...own.routes],
    dns: mergeDns(previous.dns, own.dns),
  };
}

/**
 * The result that the previous plugin of the list hands to an ADD of ours; undefined where ours is the first. Before 0.3.0
 * there are no lists, and a result has room for one address a family, so the key is ignored there.
 * @throws Fault `version` for a result of an unknown version, `decode` for a malformed one
 */
export function readPreviousResult(prevResult: unknown, version: CniVersion): Result | undefined {
  if (prevResult === undefined || !isAtLeast(version, '0.3.0')) return undefined;
  if (isObject(prevResult)) parseVersion(prevResult.cniVersion, 'prevResult');
  const previous = decodeResult(prevResult, 'prevResult');
  verifyPlaces(previous);
  return previous;
}

/** The addresses of the interface `ifName` of the container: other plugins of the list may have added some of their own. */
export function ipsOf({ interfaces, ips }: Result, ifName: string): readonly ResultIp[] {
  return ips.filter(({ interface: place }) => {
    const found = place === undefined ? undefined : interfaces[place];
    return found === undefined || (found.name === ifName && found.sandbox !== undefined);
  });
}

/** A result of 0.1.0 or 0.2.0: `ip4` and `ip6`, each with its own routes. */
function encodeOldResult(result: Result, version: CniVersion): Json {
  const family = (wanted: Family): Json | undefined => {
    const ip = result.ips.find(({ address }) => address.ip.family === wanted);
    if (ip === undefined) return undefined;
    const routes = result.routes.filter(({ dst }) => dst.ip.family === wanted);
    return present({
      ip: formatCidr(ip.address),
      gateway: ip.gateway && formatIp(ip.gateway),
      routes: nonEmpty(routes.map((route) => encodeRoute(route, version))),
    });
  };
  return present({ cniVersion: version, ip4: family(4), ip6: family(6), dns: result.dns });
}

function encodeRoute({ dst, gw, mtu, advmss, priority, table, scope }: Route, version: CniVersion): Json {
  const later = isAtLeast(version, '1.1.0') ? { mtu, advmss, priority, table, scope } : {};
  return present({ dst: formatCidr(dst), gw: gw && formatIp(gw), ...later });
}

/** Joins the lists without repetitions, the previous plugin's entries first. There is one domain: ours, if we have one. */
function mergeDns(previous: Dns, own: Dns): Dns {
  const joined = (key: 'nameservers' | 'search' | 'options') => {
    const lists = [previous[key], own[key]].filter((list) => list !== undefined);
    return lists.length === 0 ? undefined : [...new Set(lists.flat())];
  };
  const domain = own.domain || previous.domain;
  return { nameservers: joined('nameservers'), domain, search: joined('search'), options: joined('options') };
}

/** An address that names an interface beyond the list would name one of ours in the merged result. @throws Fault `decode` */
function verifyPlaces({ interfaces, ips }: Result): void {
  for (const [at, { interface: place }] of ips.entries()) {
    if (place === undefined || place < interfaces.length) continue;
    const reason = `ips[${at}].interface is ${place}, and there are ${interfaces.length} interfaces`;
    throw new Fault('decode', `cannot use prevResult: ${reason}`);
  }
}

/** The object itself, a fresh one, after deleting its keys without a value. */
function present(object: Json): Json {
  for (const key of Object.keys(object)) if (object[key] === undefined) delete object[key];
  return object;
}

function isEmpty(dns: Dns): boolean {
  return Object.values(dns).every((value) => value === undefined || value.length === 0);
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}
