/** Shapes of the values that configurations, arguments and results share: text in JSON, parsed values out. */

import { type Cidr, parseCidr } from '../address/cidr.ts';
import { type Ip, parseIp } from '../address/ip.ts';
import { isUnicastMac, parseMac } from '../address/mac.ts';
import { leaf, list, object, parsed, type Shape } from './shape.ts';

/** A route as CNI 1.1.0 has it. `gw` absent: through the attachment's gateway of the same family, if it has one. */
export interface Route {
  readonly dst: Cidr;
  readonly gw?: Ip | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly priority?: number | undefined;
  readonly table?: number | undefined;
  readonly scope?: number | undefined;
}

export interface Dns {
  readonly nameservers?: readonly string[] | undefined;
  readonly domain?: string | undefined;
  readonly search?: readonly string[] | undefined;
  readonly options?: readonly string[] | undefined;
}

const isText = (value: unknown) => typeof value === 'string';

export const flag = leaf(
  (z) => z.boolean(),
  (value) => typeof value === 'boolean',
);
export const text = leaf((z) => z.string(), isText);
export const number = leaf(
  (z) => z.number(),
  (value): value is number => Number.isFinite(value),
);
export const anything = leaf(
  (z) => z.unknown(),
  (_): _ is unknown => true,
);
export const texts = leaf(
  (z) => z.array(z.string()),
  (value): value is string[] => Array.isArray(value) && value.every(isText),
);

/** A whole number from 0 to `most`. */
export function unsigned(most: number): Shape<number> {
  return leaf(
    (z) => z.int().check(z.minimum(0), z.maximum(most)),
    (value): value is number => Number.isInteger(value) && (value as number) >= 0 && (value as number) <= most,
  );
}

/** A string that `parse` understands, where "", Go's zero value, says nothing. */
export function textOrNothing<T>(what: string, parse: (text: string) => T | undefined): Shape<T | undefined> {
  const shape = parsed(text, what, parse);
  return { read: (value, complaints) => (value === '' ? undefined : shape.read(value, complaints)) };
}

export const ip = textOrNothing('an IP address', parseIp);

/** `address/length`, host bits kept. */
export const cidr = parsed(text, 'an address with a prefix length, like 10.1.0.0/16', parseCidr);

/** Addresses with or without a prefix length, as requested ones come: the length is dropped. */
export const ips = list(parsed(text, 'an IP address', (value) => parseIp(value) ?? parseCidr(value)?.ip));

export const mac = textOrNothing('a MAC address that an interface may have, like 0a:1b:2c:3d:4e:5f', parseMacAddress);

/** @returns undefined where the text is no MAC address that an interface may have */
export function parseMacAddress(value: string): Uint8Array | undefined {
  const bytes = parseMac(value);
  return bytes !== undefined && isUnicastMac(bytes) ? bytes : undefined;
}

const u16 = unsigned(0xffff);
const u32 = unsigned(0xffff_ffff);

/** The sizes that the kernel takes as a link's MTU; 0 says nothing. */
export const mtu = u16;

export const route = object(
  { dst: cidr, gw: ip, mtu: u16, advmss: u16, priority: u32, table: u32, scope: unsigned(0xff) },
  'dst',
);

export const dns = object({ nameservers: texts, domain: text, search: texts, options: texts });
