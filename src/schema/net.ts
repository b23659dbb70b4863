/** Schemas of the values that configurations, arguments and results share: text in JSON, parsed values out. */

import { type Cidr, parseCidr } from '../address/cidr.ts';
import { type Ip, parseIp } from '../address/ip.ts';
import { isUnicastMac, parseMac } from '../address/mac.ts';
import { emptyOr } from './absent.ts';
import * as z from './zod.ts';

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

/** A string that `parse` understands. */
function textOf<T>(what: string, parse: (text: string) => T | undefined) {
  return z.pipe(
    z.string(),
    z.transform((text, context): T => {
      const value = parse(text);
      if (value !== undefined) return value;
      context.issues.push({ code: 'custom', message: `${JSON.stringify(text)} is not ${what}`, input: text });
      return z.NEVER;
    }),
  );
}

export const ipSchema = textOf('an IP address', parseIp);

/** An address that may be missing. */
export const optionalIpSchema = emptyOr(ipSchema);

/** `address/length`, host bits kept. */
export const cidrSchema = textOf('an address with a prefix length, like 10.1.0.0/16', parseCidr);

/** An address with or without a prefix length, as requested addresses come: the length is dropped. */
export const ipOrCidrSchema = textOf('an IP address', (text) => parseIp(text) ?? parseCidr(text)?.ip);

/** @returns undefined where the text is no MAC address that an interface may have */
export function parseMacAddress(text: string): Uint8Array | undefined {
  const bytes = parseMac(text);
  return bytes !== undefined && isUnicastMac(bytes) ? bytes : undefined;
}

export const macSchema = textOf('a MAC address that an interface may have, like 0a:1b:2c:3d:4e:5f', parseMacAddress);

const unsigned = (most: number) => z.int().check(z.minimum(0), z.maximum(most));
export const mtuSchema = unsigned(65_535);

export const routeSchema = z.object({
  dst: cidrSchema,
  gw: optionalIpSchema,
  mtu: z.optional(unsigned(65_535)),
  advmss: z.optional(unsigned(65_535)),
  priority: z.optional(unsigned(0xffff_ffff)),
  table: z.optional(unsigned(0xffff_ffff)),
  scope: z.optional(unsigned(255)),
});

export const dnsSchema = z.object({
  nameservers: z.optional(z.array(z.string())),
  domain: z.optional(z.string()),
  search: z.optional(z.array(z.string())),
  options: z.optional(z.array(z.string())),
});
